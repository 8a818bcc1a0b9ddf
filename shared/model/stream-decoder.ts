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
  /** The bytes of a token; only for byte-level tokenizers. */
  readonly bytesOf: ((id: number) => Uint8Array) | undefined;
  /** Whether a token stands for whole characters, so that an incomplete character before it can never be completed. */
  readonly isWhole: (id: number) => boolean;
}

export function createStreamDecoder(parts: StreamDecoderParts): StreamDecoder {
  return parts.bytesOf === undefined ? byWindow(parts.decode) : byBytes(parts.bytesOf, parts.isWhole);
}

function byBytes(bytesOf: (id: number) => Uint8Array, isWhole: (id: number) => boolean): StreamDecoder {
  let utf8 = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  const flush = () => {
    const text = utf8.decode();
    utf8 = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
    return text;
  };
  return {
    push(id) {
      const bytes = bytesOf(id);
      if (bytes.length === 0) return "";
      return (isWhole(id) ? flush() : "") + utf8.decode(bytes, { stream: true });
    },
    flush,
  };
}

/** After this many tokens, a trailing U+FFFD must be what the model wrote: a character has at most four bytes. */
const MAX_HELD_TOKENS = 4;

/**
 * For decoders that look at neighbouring tokens (metaspace, byte fallback): decodes a few tokens of context with and
 * without the new tokens; the difference is the new text.
 */
function byWindow(decode: (ids: readonly number[]) => string): StreamDecoder {
  let context: number[] = [];
  let held: number[] = [];

  function take(): string {
    const before = decode(context);
    const text = decode([...context, ...held]).slice(before.length);
    context = held;
    held = [];
    return text;
  }

  return {
    push(id) {
      held.push(id);
      const text = decode([...context, ...held]);
      if (text.endsWith("\ufffd") && held.length < MAX_HELD_TOKENS) return "";
      return take();
    },
    flush() {
      const text = held.length > 0 ? take() : "";
      context = [];
      return text;
    },
  };
}
