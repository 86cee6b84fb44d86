/**
 * Getting a data set out of a Debian package, without root and without installing it: `apt-get download` into a
 * private folder, then `dpkg-deb` unpacks it there.
 *
 * @module
 */

import type { LoadOptions } from "./dataset.ts";
import type { System } from "./system.ts";

/** A Debian package and the folder in which it keeps the files. */
export interface DebianPackage {
  /** Name of the package. */
  readonly name: string;
  /** Folder of the files on a machine where it is installed. */
  readonly folder: string;
}

/** Either the folder in which the files now are, or why there is none. */
export type Unpacked = { readonly folder: string } | { readonly failed: string };

/**
 * Downloads a package and unpacks it in `scratch`, an empty folder of our own.
 *
 * The lists of the machine are asked first. Where they do not know the package, for example because `apt-get update`
 * was never run, private lists are fetched into `scratch`.
 */
export async function unpackDebian(
  system: System,
  debian: DebianPackage,
  scratch: string,
  options: LoadOptions = {},
): Promise<Unpacked> {
  const { signal, progress } = options;
  const apt = async (...args: string[]) => {
    const outcome = await system.run("apt-get", [...ours(scratch), ...args], { cwd: scratch, signal });
    signal?.throwIfAborted();
    return outcome;
  };
  progress?.({ text: `downloading Debian's package ${debian.name} with apt-get` });
  let outcome = await apt("download", debian.name);
  if (outcome === undefined) return { failed: "no apt-get on this machine" };
  if (!outcome.success) {
    progress?.({ text: `fetching Debian's package lists, since they do not offer ${debian.name} yet` });
    const lists = ["-o", `Dir::State::lists=${scratch}/lists`];
    // apt-get makes this folder in its own place alone.
    await system.makeDir(`${scratch}/lists/partial`);
    // One unreachable third-party source fails the update, though Debian's own list may have come: go on and see.
    await apt(...lists, "update");
    outcome = await apt(...lists, "download", debian.name) ?? outcome;
    if (!outcome.success) return { failed: `apt-get download failed: ${lastLine(outcome.errors)}` };
  }
  const file = (await system.listFiles(scratch)).find((name) => name.endsWith(".deb"));
  if (file === undefined) return { failed: "apt-get download left no package file" };
  progress?.({ text: `unpacking ${file}` });
  const unpacked = await system.run("dpkg-deb", ["-x", file, "root"], { cwd: scratch, signal });
  signal?.throwIfAborted();
  if (unpacked === undefined) return { failed: "no dpkg-deb on this machine" };
  if (!unpacked.success) return { failed: `dpkg-deb failed: ${lastLine(unpacked.errors)}` };
  return { folder: `${scratch}/root${debian.folder}` };
}

/** Options that keep apt-get out of folders that need root, and from waiting for long. */
function ours(scratch: string): string[] {
  return [
    `Dir::Cache=${scratch}/cache`,
    // As root, apt-get would download as a user who may not write here.
    "APT::Sandbox::User=root",
    "Acquire::Retries=0",
    "Acquire::http::Timeout=15",
    "Acquire::https::Timeout=15",
  ].flatMap((setting) => ["-o", setting]);
}

function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return lines.findLast((line) => line.startsWith("E:")) ?? lines.at(-1) ?? "it gave no reason";
}
