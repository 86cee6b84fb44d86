/**
 * What tests share: asking whether a permission is granted, and running a script in a process of its own.
 *
 * @module
 */

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
  const root = new URL("..", import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--config",
      pathOf(new URL("deno.json", root)),
      ...options.permissions ?? ["--allow-all"],
      pathOf(new URL(script, root)),
      ...args,
    ],
    cwd: options.cwd ?? pathOf(root),
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
    if (isLate) throw new Error(`${script} took more than ${seconds} s and wrote:\n${stdout}${stderr}`);
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
