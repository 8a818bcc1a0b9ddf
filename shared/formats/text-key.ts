/**
 * A text's 64-bit hash, as text: what is seen of a large file is remembered by it, in as much memory for long texts as for short
 * ones. Two different texts of a million share one with a probability of 3 × 10⁻⁸. Not for secrets.
 */
export function textKey(...parts: readonly string[]): string {
  // Two lanes of MurmurHash3's mixing of 32 bits, with different seeds.
  let [a, b] = [0x9747b28c, 0x5bd1e995];
  for (const part of parts) {
    for (let at = 0; at < part.length; at++) {
      const unit = part.charCodeAt(at);
      a = Math.imul(a ^ unit, 0x85ebca6b);
      a ^= a >>> 15;
      b = Math.imul(b ^ unit, 0xc2b2ae35);
      b ^= b >>> 13;
    }
    // The end of a part is no character.
    a = Math.imul(a ^ 0x10000, 0x85ebca6b) ^ part.length;
    b = Math.imul(b ^ 0x10001, 0xc2b2ae35) ^ (part.length << 1);
  }
  return finished(a ^ (b >>> 7)) + finished(b ^ Math.imul(a, 0x27d4eb2f));
}

function finished(hash: number): string {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return (h >>> 0).toString(36).padStart(7, "0");
}
