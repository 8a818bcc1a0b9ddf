/** Maps each character of a byte-level vocabulary to its byte (GPT-2's table). */
export const BYTE_OF: ReadonlyMap<string, number> = (() => {
  const map = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    map.set(String.fromCharCode(printable ? byte : next++), byte);
  }
  return map;
})();

const CHARACTER_OF = [...BYTE_OF.keys()];

/** The UTF-8 bytes of a text, each as its character of the table. */
export function byteCharacters(text: string): string {
  let characters = "";
  for (const byte of new TextEncoder().encode(text)) characters += CHARACTER_OF[byte];
  return characters;
}

/**
 * The bytes that a token of a byte-level vocabulary represents; its UTF-8 bytes if it has a character outside the
 * table.
 */
export function bytesOfCharacters(token: string): Uint8Array {
  const bytes = Array.from(token, (character) => BYTE_OF.get(character));
  return bytes.includes(undefined) ? new TextEncoder().encode(token) : Uint8Array.from(bytes as number[]);
}
