/**
 * Token ids to text, one at a time: a character whose bytes are spread over several tokens comes out when its last
 * byte has arrived, never as a replacement character first.
 */
export interface StreamDecoder {
  /** The text that this token completes; "" while a character is incomplete. */
  push(id: number): string;
  /** What is still held back, an incomplete character as U+FFFD. The decoder then starts afresh. */
  flush(): string;
}

export interface StreamDecoderParts {
  readonly decode: (ids: readonly number[]) => string;
  /** The bytes of a token, where the tokenizer is byte-level. */
  readonly bytesOf: ((id: number) => Uint8Array) | undefined;
  /** Whether a token stands for whole characters: it ends an incomplete one before it. */
  readonly isWhole: (id: number) => boolean;
}

export function createStreamDecoder(parts: StreamDecoderParts): StreamDecoder {
  return parts.bytesOf === undefined ? byWindow(parts.decode) : byBytes(parts.bytesOf, parts.isWhole);
}

function byBytes(bytesOf: (id: number) => Uint8Array, isWhole: (id: number) => boolean): StreamDecoder {
  let utf8 = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  const flush = () => {
    const rest = utf8.decode();
    utf8 = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
    return rest;
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

/** Tokens after which an ending in U+FFFD is taken for what the model wrote: a character has at most four bytes. */
const MAX_HELD_TOKENS = 4;

/**
 * For decoders that look at neighbouring tokens (metaspace, byte fallback): decodes a short window with and without
 * the new tokens, and the difference is the new text. The window's first part is context only.
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
      const rest = held.length > 0 ? take() : "";
      context = [];
      return rest;
    },
  };
}
