/**
 * Decodes token ids one at a time. A character whose bytes are spread over several tokens is held back until its last byte
 * arrives, instead of coming out as a replacement character first.
 */
export interface StreamDecoder {
  /** The text that this token completes; "" while a character is incomplete. */
  push(id: number): string;
  /** Returns the text still held back, with an incomplete character as U+FFFD, and resets the decoder. */
  flush(): string;
}

export interface StreamDecoderParts {
  readonly decode: (ids: readonly number[]) => string;
  /** The bytes of a token; only for tokenizers whose tokens decode independently. */
  readonly bytesOf: ((id: number) => Uint8Array) | undefined;
  /** The byte that a byte token such as <0x0A> represents. */
  readonly byteOf: (id: number) => number | undefined;
  /** Whether a token adds nothing to the text. */
  readonly isSkipped: (id: number) => boolean;
}

/** `after`: the tokens before the first one; their text is not returned. */
export function createStreamDecoder(parts: StreamDecoderParts, after: readonly number[] = []): StreamDecoder {
  const shown = after.filter((id) => !parts.isSkipped(id));
  const stream =
    parts.bytesOf === undefined ? byWindow(parts, shown) : byBytes(parts.bytesOf, shown.slice(-LONGEST_CHARACTER));
  return { push: (id) => (parts.isSkipped(id) ? "" : stream.push(id)), flush: stream.flush };
}

/** The most bytes, and so tokens, of a character. */
const LONGEST_CHARACTER = 4;

/** `before` may end in the first bytes of a character, which then comes out whole. */
function byBytes(bytesOf: (id: number) => Uint8Array, before: readonly number[]): StreamDecoder {
  const create = () => new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  let utf8 = create();
  for (const id of before) utf8.decode(bytesOf(id), { stream: true });
  return {
    push: (id) => utf8.decode(bytesOf(id), { stream: true }),
    flush() {
      const text = utf8.decode();
      utf8 = create();
      return text;
    },
  };
}

/**
 * For decoders that look at neighbouring tokens (metaspace, byte fallback): decodes a token with and without the one before
 * it; the difference is its text. Bytes beyond ASCII are held until they form a character.
 */
function byWindow({ decode, byteOf }: StreamDecoderParts, before: readonly number[]): StreamDecoder {
  let context = before.slice(-1);
  const character = characterBuffer();
  // The next bytes complete a character that the last bytes of `before` begin.
  for (const id of before.slice(before.findLastIndex((id) => !isLeadOrContinuation(byteOf(id))) + 1)) {
    character.push(byteOf(id)!);
  }

  return {
    push(id) {
      const byte = byteOf(id);
      const known = context;
      context = [id];
      if (isLeadOrContinuation(byte)) return character.push(byte!);
      const lost = character.flush();
      if (byte !== undefined && known.length > 0) return lost + String.fromCharCode(byte);
      return lost + decode([...known, id]).slice(decode(known).length);
    },
    flush() {
      context = [];
      return character.flush();
    },
  };
}

function isLeadOrContinuation(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x80;
}

interface CharacterBuffer {
  push(byte: number): string;
  flush(): string;
}

/** Joins bytes to characters; bytes that form none become one U+FFFD each, as in the Rust library. */
function characterBuffer(): CharacterBuffer {
  let held: number[] = [];
  const flush = () => {
    const text = "\ufffd".repeat(held.length);
    held = [];
    return text;
  };
  return {
    push(byte) {
      const lost = isContinuation(byte) ? "" : flush();
      held.push(byte);
      if (held.length < sequenceLength(held[0]!)) return lost;
      try {
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(held));
        held = [];
        return lost + text;
      } catch {
        return lost + flush();
      }
    },
    flush,
  };
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Bytes of the character that this byte begins; 1 for bytes that begin none. */
function sequenceLength(first: number): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}
