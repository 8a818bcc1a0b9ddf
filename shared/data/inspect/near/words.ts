/**
 * Words as numbers: texts are compared by the hashes of their words, in lower case, without punctuation. Letters of scripts that
 * write no spaces between words count as words of their own.
 */

/** Hashes of a text's words. It reuses its memory: a result holds until the next text. */
export class WordHashes {
  #hashes = new Uint32Array(1024);

  /** The hashes of the words in order. */
  of(text: string): Uint32Array {
    const lower = isAscii(text) ? text : text.normalize("NFKC").toLowerCase();
    let count = 0;
    let hash = OFFSET;
    let inWord = false;
    const end = () => {
      if (!inWord) return;
      if (count === this.#hashes.length) this.#grow();
      this.#hashes[count++] = mixed(hash);
      hash = OFFSET;
      inWord = false;
    };
    for (let at = 0; at < lower.length; at++) {
      const unit = lower.charCodeAt(at);
      const kind = classOf(unit);
      if (kind !== LETTER) end();
      if (kind === GAP) continue;
      hash = Math.imul(hash ^ (unit >= 65 && unit <= 90 ? unit + 32 : unit), 0x01000193);
      inWord = true;
      if (kind === WHOLE) end();
    }
    end();
    return this.#hashes.subarray(0, count);
  }

  #grow(): void {
    const larger = new Uint32Array(2 * this.#hashes.length);
    larger.set(this.#hashes);
    this.#hashes = larger;
  }
}

const OFFSET = 0x811c9dc5;
const [GAP, LETTER, WHOLE] = [1, 2, 3];

/** The classes of UTF-16 units, found out when first seen; 0 is unknown. */
const CLASSES = new Uint8Array(0x10000);

function classOf(unit: number): number {
  const known = CLASSES[unit]!;
  if (known !== 0) return known;
  const char = String.fromCharCode(unit);
  const isSurrogate = unit >= 0xd800 && unit <= 0xdfff;
  const kind =
    isSurrogate || /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}]/u.test(char)
      ? WHOLE
      : /[\p{L}\p{N}\p{M}]/u.test(char)
        ? LETTER
        : GAP;
  CLASSES[unit] = kind;
  return kind;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}

/** MurmurHash3's finish: every bit of the input changes half of the output's. */
export function mixed(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
