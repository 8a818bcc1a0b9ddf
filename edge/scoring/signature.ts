/** The headers that show a scorer who calls and that the body is whole: see `secret` in the API's document. */

/**
 * @param seconds since 1970, for the scorer to refuse calls that somebody sends again later
 */
export async function signatureHeaders(
  secret: string | null,
  body: Uint8Array,
  seconds: number,
): Promise<Record<string, string>> {
  const timestamp = { "x-trimtab-timestamp": String(seconds) };
  if (secret === null) return timestamp;
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["sign"]);
  const prefix = encoder.encode(`${seconds}.`);
  const signed = new Uint8Array(prefix.length + body.length);
  signed.set(prefix);
  signed.set(body, prefix.length);
  const digest = new Uint8Array(await crypto.subtle.sign("HMAC", key, signed));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { ...timestamp, "x-trimtab-signature": `sha256=${hex}` };
}
