/** Content addresses: SHA-256 as 64 lower-case hexadecimal digits, the same in workerd, Node and the browser. */

/** The digest of bytes. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  // A view over shared memory is refused by Web Crypto; copying is cheap beside hashing.
  const input = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  return hex(await crypto.subtle.digest("SHA-256", input));
}

/** Lower-case hexadecimal digits, two for each byte. */
export function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** JSON with object keys sorted and no spaces, so that equal values have equal text. Keys that hold undefined are left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(",")}}`;
}
