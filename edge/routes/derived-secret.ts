import { newSecret } from "../../shared/api/ids.ts";

/**
 * A key's secret, derived from the deployment's admin token and a salt, so that it can be derived again; neither alone gives it
 * away. HMAC-SHA-256 in counter mode is the source of `newSecret`.
 */
export async function derivedSecret(token: string, salt: string): Promise<string> {
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(`trimtab key ${token}`), algorithm, false, ["sign"]);
  const blocks = await Promise.all(
    Array.from({ length: 16 }, (_, counter) => crypto.subtle.sign("HMAC", key, encoder.encode(`${salt} ${counter}`))),
  );
  const stream = blocks.flatMap((block) => [...new Uint8Array(block)]);
  return newSecret((bytes) => {
    bytes.set(stream.splice(0, bytes.byteLength));
    return bytes;
  });
}
