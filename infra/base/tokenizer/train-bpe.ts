/**
 * Trains byte-level byte-pair encoding (Sennrich et al. 2016; byte level as in GPT-2).
 *
 * The result is a `tokenizer.json` for Hugging Face tokenizers: digits are split one by one, then GPT-2's pattern splits off
 * words with their leading space. Between equally frequent pairs the lexicographically smaller one wins, so the vocabulary is
 * determined by the texts.
 */

/** GPT-2's pattern, as applied by the `ByteLevel` pre-tokenizer. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
const DIGITS = /[^\d]+|\d/gu;

/** One printable character per byte: printable Latin-1 maps to itself, other bytes to U+0100 onwards (as in GPT-2). */
function byteAlphabet(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

const ALPHABET = byteAlphabet();

/** The words, in the byte alphabet; merges never cross their boundaries. */
export function preTokenize(text: string): string[] {
  const encoder = new TextEncoder();
  return (text.match(DIGITS) ?? []).flatMap((chunk) =>
    (chunk.match(WORDS) ?? []).map((word) => Array.from(encoder.encode(word), (byte) => ALPHABET[byte]).join("")),
  );
}

export interface BpeVocabulary {
  /** Token to id; ids are dense and start with the special tokens. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** In order of priority. */
  readonly merges: readonly (readonly [left: string, right: string])[];
}

interface Word {
  pieces: string[];
  readonly count: number;
}

// No token of the byte alphabet contains a space: the byte 0x20 is written as U+0120.
const SEPARATOR = " ";

function countPairs(words: readonly Word[]): Map<string, number> {
  const pairs = new Map<string, number>();
  for (const { pieces, count } of words) {
    for (let i = 0; i + 1 < pieces.length; i++) {
      const key = pieces[i] + SEPARATOR + pieces[i + 1];
      pairs.set(key, (pairs.get(key) ?? 0) + count);
    }
  }
  return pairs;
}

function mergePieces(pieces: readonly string[], left: string, right: string): string[] {
  const merged: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i] as string;
    if (piece === left && pieces[i + 1] === right) {
      merged.push(left + right);
      i++;
    } else merged.push(piece);
  }
  return merged;
}

/**
 * Builds `size` tokens: the special tokens, the 256 bytes, and merges by decreasing frequency.
 * Returns fewer if the texts run out of pairs.
 */
export function trainBpe(
  texts: Iterable<string>,
  { size, specialTokens }: { size: number; specialTokens: readonly string[] },
): BpeVocabulary {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of preTokenize(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words: Word[] = [...counts].map(([word, count]) => ({ pieces: [...word], count }));

  const vocabulary = new Map<string, number>();
  for (const token of [...specialTokens, ...ALPHABET]) vocabulary.set(token, vocabulary.size);
  const merges: [string, string][] = [];
  while (vocabulary.size < size) {
    let best = "";
    let bestCount = 0;
    for (const [pair, count] of countPairs(words)) {
      if (count > bestCount || (count === bestCount && pair < best)) {
        best = pair;
        bestCount = count;
      }
    }
    if (bestCount === 0) break;
    const [left, right] = best.split(SEPARATOR) as [string, string];
    merges.push([left, right]);
    // Different merges can produce the same token; it keeps its first id.
    if (!vocabulary.has(left + right)) vocabulary.set(left + right, vocabulary.size);
    for (const word of words) {
      if (word.pieces.includes(left)) word.pieces = mergePieces(word.pieces, left, right);
    }
  }
  return { vocabulary, merges };
}

/** `tokenizer.json` in Hugging Face's format, version 1.0. */
export function tokenizerJson({ vocabulary, merges }: BpeVocabulary, specialTokens: readonly string[]): object {
  const added = specialTokens.map((content) => ({
    id: vocabulary.get(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Digits", individual_digits: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary),
      merges: merges.map(([left, right]) => [left, right]),
    },
  };
}

/** `tokenizer_config.json`: the names of the special tokens and the chat template. */
export function tokenizerConfigJson(options: {
  specialTokens: readonly string[];
  endOfText: string;
  endOfTurn: string;
  chatTemplate: string;
  maxLength: number;
}): object {
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    model_max_length: options.maxLength,
    add_prefix_space: false,
    add_bos_token: false,
    clean_up_tokenization_spaces: false,
    bos_token: null,
    eos_token: options.endOfTurn,
    pad_token: options.endOfText,
    unk_token: null,
    additional_special_tokens: options.specialTokens.filter(
      (token) => token !== options.endOfText && token !== options.endOfTurn,
    ),
    added_tokens_decoder: Object.fromEntries(
      options.specialTokens.map((content, id) => [
        String(id),
        { content, lstrip: false, normalized: false, rstrip: false, single_word: false, special: true },
      ]),
    ),
    chat_template: options.chatTemplate,
  };
}
