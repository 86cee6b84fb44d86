/**
 * Plain data that a configuration is made of, and its canonical text and fingerprint.
 *
 * A leaf of the module graph: every room of the house may import it.
 *
 * @module
 */

/** A value that JSON can hold and give back unchanged. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object: what every `config` is. */
export type JsonObject = { readonly [key: string]: Json };

/**
 * JSON text with the keys of every object in code-unit order and no white space, so that equal values have equal text.
 *
 * @throws {TypeError} if a number is not finite, since JSON cannot hold it
 */
export function canonicalJson(value: Json): string {
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`JSON cannot hold ${value}`);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value as JsonObject)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value);
}

/** SHA-256 of bytes as 64 lower-case hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** SHA-256 of the canonical text of `value`, as 64 hexadecimal digits: equal configurations have equal fingerprints. */
export function fingerprint(value: Json): Promise<string> {
  return sha256(new TextEncoder().encode(canonicalJson(value)));
}
