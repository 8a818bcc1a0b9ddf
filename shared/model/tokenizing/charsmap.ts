/**
 * SentencePiece's precompiled normalisation: a double-array trie (Darts-clone) from UTF-8 bytes to replacement texts.
 * The blob is base64: the trie's size in bytes (u32, little-endian), its units (u32 each), then texts that end with 0.
 */
import { unusable } from "./part.ts";

/** Throws `invalid_model` for a damaged map. */
export function createCharsmap(base64: string): (text: string) => string {
  const { units, texts } = readBlob(base64);
  const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
  const utf8 = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

  /** The replacement for the shortest mapped prefix of `text`, used for the whole text. */
  function replacement(text: string): string | undefined {
    const offset = shortestMatch(units, utf8.encode(text));
    if (offset === undefined) return undefined;
    const end = texts.indexOf(0, offset);
    return decoder.decode(texts.subarray(offset, end < 0 ? texts.length : end));
  }

  return (text) => {
    let normalized = "";
    for (const { segment } of segmenter.segment(text)) {
      // As in the Rust port of SentencePiece: looks up clusters of up to five bytes whole, then character by character.
      const whole = utf8.encode(segment).length < 6 ? replacement(segment) : undefined;
      if (whole !== undefined) normalized += whole;
      else for (const character of segment) normalized += replacement(character) ?? character;
    }
    return normalized;
  };
}

function readBlob(base64: string): { units: Uint32Array; texts: Uint8Array } {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch (error) {
    throw unusable("its precompiled_charsmap is not base64", error);
  }
  const view = new DataView(bytes.buffer);
  const size = bytes.length < 4 ? 0 : view.getUint32(0, true);
  if (size === 0 || size % 4 !== 0 || 4 + size > bytes.length) throw unusable("its precompiled_charsmap is damaged");
  const units = Uint32Array.from({ length: size / 4 }, (_, index) => view.getUint32(4 + index * 4, true));
  return { units, texts: bytes.subarray(4 + size) };
}

/** The value of the shortest key that `bytes` begin with. */
function shortestMatch(units: Uint32Array, bytes: Uint8Array): number | undefined {
  let at = childOffset(units[0]!);
  for (const byte of bytes) {
    if (byte === 0) return undefined;
    at ^= byte;
    const unit = units[at];
    if (unit === undefined || (unit & 0x8000_00ff) !== byte) return undefined;
    at ^= childOffset(unit);
    if (((unit >>> 8) & 1) === 1) return (units[at] ?? 0) & 0x7fff_ffff;
  }
  return undefined;
}

function childOffset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
