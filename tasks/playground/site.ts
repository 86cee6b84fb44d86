/**
 * The files that the playground is made of: a page, its script and style, models and pictures.
 *
 * @module
 */

import { bundle } from "./bundle.ts";
import { CONTENTS, type Contents } from "./model_file.ts";
import type { NamedFile } from "./train.ts";

/** Files by name. */
export type Site = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** Models and pictures to show, and in which order. */
export interface Exhibits {
  /** Files of models. */
  readonly models: readonly NamedFile[];
  /** File of pictures. */
  readonly samples: NamedFile;
}

const HERE = new URL("./", import.meta.url);

/** The models that Polyphase brings along, and pictures of the test images that they have not seen. */
export async function shippedExhibits(): Promise<Exhibits> {
  const read = async (name: string): Promise<NamedFile> => ({
    name,
    bytes: await Deno.readFile(new URL(`models/${name}`, HERE)),
  });
  return {
    models: await Promise.all(["plain.safetensors", "adaptive.safetensors"].map(read)),
    samples: await read("samples.safetensors"),
  };
}

/**
 * Everything that a server has to hand out.
 *
 * @throws {PolyphaseError} if the page cannot be bundled
 */
export async function makeSite({ models, samples }: Exhibits): Promise<Site> {
  const contents: Contents = { models: models.map(({ name }) => name), samples: samples.name };
  const [html, css, script] = await Promise.all([
    Deno.readFile(new URL("page.html", HERE)),
    Deno.readFile(new URL("page.css", HERE)),
    bundle(new URL("page.ts", HERE)),
  ]);
  return new Map([
    ["index.html", html],
    ["page.css", css],
    ["page.js", script],
    [CONTENTS, new TextEncoder().encode(JSON.stringify(contents))],
    ...[...models, samples].map(({ name, bytes }): [string, Uint8Array<ArrayBuffer>] => [name, bytes]),
  ]);
}

const TYPES: { readonly [extension: string]: string } = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  safetensors: "application/octet-stream",
};

/** Answers a request with a file of the site. */
export function answer(site: Site, request: Request): Response {
  const { pathname } = new URL(request.url);
  const name = pathname === "/" ? "index.html" : pathname.slice(1);
  const bytes = site.get(name);
  if (bytes === undefined) return new Response("Not found\n", { status: 404 });
  const headers = {
    "content-type": TYPES[name.split(".").at(-1)!] ?? "application/octet-stream",
    // The next start may bring another run under the same names.
    "cache-control": "no-store",
  };
  return new Response(request.method === "HEAD" ? null : bytes, { headers });
}
