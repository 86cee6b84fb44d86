/**
 * What tests share: asking whether a permission is granted, folders that go again, and running a script in a process of
 * its own, from the project's folder or with the project at a URL.
 *
 * @module
 */

const ROOT = new URL("..", import.meta.url);

/** Where the project's files are on GitHub: owner, name and version, then the path. */
const ON_GITHUB = /https:\/\/raw\.githubusercontent\.com\/(?:[^/\s"'`]+\/){3}/g;

/**
 * Whether every one of these permissions is granted. Never prompts.
 *
 * @param needs permissions, for example `{ name: "write" }`
 */
export function permitted(...needs: Deno.PermissionDescriptor[]): boolean {
  return needs.every((need) => Deno.permissions.querySync(need).state === "granted");
}

/** Whether {@linkcode runTask} can work: it starts Deno and finds the project by its folder. */
export function canRunTasks(): boolean {
  return permitted({ name: "run" }, { name: "read" });
}

/** Whether {@linkcode runRemote} can work: it also writes the script, and serves the project. */
export function canRunRemote(): boolean {
  return canRunTasks() && permitted({ name: "write" }, { name: "net", host: "127.0.0.1" });
}

/** Gives `use` a fresh folder, which is removed afterwards. */
export async function inTempFolder<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempDir({ prefix: "polyphase-test-" });
  try {
    return await use(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/** How {@linkcode runTask} starts and stops a script. */
export interface TaskOptions {
  /** Permission flags of Deno. Default `--allow-all`, as `deno task` gives. */
  readonly permissions?: readonly string[];
  /** Environment variables in addition to those of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory. Default the project's folder. */
  readonly cwd?: string;
  /** Sends a signal each time that standard error holds the next of these texts. */
  readonly signals?: readonly { readonly after: string; readonly signal: Deno.Signal }[];
  /** Seconds until the process is killed and the test fails. Default 120. */
  readonly seconds?: number;
}

/** How a script ended and what it wrote. */
export interface TaskResult {
  /** Exit code. */
  readonly code: number;
  /** What it wrote to standard output. */
  readonly stdout: string;
  /** What it wrote to standard error. */
  readonly stderr: string;
}

/**
 * Runs a script of the project as `deno task` would, with no terminal and no colours.
 *
 * @param script path below the project's folder, for example `tasks/data.ts`
 * @param args flags of the script
 * @throws {Error} if it takes longer than `seconds`
 */
export async function runTask(
  script: string,
  args: readonly string[] = [],
  options: TaskOptions = {},
): Promise<TaskResult> {
  return await start([
    "run",
    "--quiet",
    "--no-prompt",
    "--config",
    pathOf(new URL("deno.json", ROOT)),
    ...options.permissions ?? ["--allow-all"],
    pathOf(new URL(script, ROOT)),
    ...args,
  ], { cwd: pathOf(ROOT), ...options });
}

/**
 * Runs a script as somebody who has nothing but the project's address would: from an empty folder, with nothing cached
 * but npm packages. The project is served on this machine; its address on GitHub in the script is replaced.
 *
 * @param script text of the script
 * @param flags flags of `deno run` beside `--allow-import` and `--allow-read`
 * @throws {Error} if it takes longer than `seconds`
 */
export async function runRemote(
  script: string,
  flags: readonly string[] = [],
  options: Pick<TaskOptions, "seconds"> = {},
): Promise<TaskResult> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, serveFile);
  const host = `127.0.0.1:${server.addr.port}`;
  try {
    return await inTempFolder(async (home) => {
      const [folder, cache] = [`${home}/empty`, `${home}/cache`];
      await Promise.all([Deno.mkdir(folder), Deno.mkdir(cache)]);
      // Deno keeps what it imported from a URL for good, and a port may come twice: the cache is fresh but for npm.
      await Deno.symlink(await npmCache(), `${cache}/npm`, { type: "junction" });
      await Deno.writeTextFile(`${folder}/main.ts`, script.replaceAll(ON_GITHUB, `http://${host}/`));
      const permissions = [`--allow-import=${host}`, "--allow-read"];
      return await start(["run", "--quiet", "--no-prompt", ...permissions, ...flags, "main.ts"], {
        ...options,
        cwd: folder,
        env: { DENO_DIR: cache },
      });
    });
  } finally {
    await server.shutdown();
  }
}

/** Answers with a file of the project, as GitHub would but with the type of a module. */
async function serveFile(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  try {
    const type = pathname.endsWith(".ts") ? "application/typescript" : "application/octet-stream";
    return new Response(await Deno.readFile(new URL(`.${pathname}`, ROOT)), {
      headers: { "content-type": type },
    });
  } catch {
    return new Response(null, { status: 404 });
  }
}

async function npmCache(): Promise<string> {
  const { stdout } = await start(["info", "--json"], { cwd: pathOf(ROOT) });
  return JSON.parse(stdout).npmCache;
}

/** Runs Deno with these arguments, with no terminal and no colours. */
async function start(args: readonly string[], options: TaskOptions): Promise<TaskResult> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: options.cwd,
    env: { NO_COLOR: "1", ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const seconds = options.seconds ?? 120;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, seconds * 1000);
  try {
    const pending = [...options.signals ?? []];
    const [stdout, stderr, { code }] = await Promise.all([
      new Response(child.stdout).text(),
      gather(child.stderr, (text) => {
        while (pending.length > 0 && text.includes(pending[0].after)) child.kill(pending.shift()!.signal);
      }),
      child.status,
    ]);
    if (isLate) {
      throw new Error(`deno ${args.join(" ")} took more than ${seconds} s and wrote:\n${stdout}${stderr}`);
    }
    return { code, stdout, stderr };
  } finally {
    clearTimeout(timer);
  }
}

/** The text of a stream; `watch` is shown all of it whenever some comes. */
async function gather(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  watch: (text: string) => void,
): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    watch(text);
  }
  return text;
}

function pathOf(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.slice(1) : path;
}
