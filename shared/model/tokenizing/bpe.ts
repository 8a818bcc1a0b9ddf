/** Byte-pair encoding: joins the neighbouring pair with the lowest rank until no pair is left. */
import { z } from "zod";
import { quoteName } from "../../formats/strict-json.ts";
import { byteTokenIds, type TokenModel, vocabularyOf } from "./model.ts";
import { type Part, readPart, unusable } from "./part.ts";

const bpeSchema = z.object({
  // parseTokenizerFile has checked the hundreds of thousands of entries already.
  vocab: z.custom<Readonly<Record<string, number>>>(isObject, "expected an object of token ids"),
  merges: z.custom<readonly (string | readonly [string, string])[]>(Array.isArray, "expected a list of pairs"),
  unk_token: z.string().nullish(),
  fuse_unk: z.boolean().default(false),
  byte_fallback: z.boolean().default(false),
  ignore_merges: z.boolean().default(false),
  dropout: z.number().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
});
type BpeConfig = z.infer<typeof bpeSchema>;

/** More than any rank (there are at most as many merges as fit in memory) and position that a heap key combines. */
const POSITIONS = 2 ** 32;
/** More than the largest token id, so that a pair of ids is one exact number. */
const IDS = 2 ** 21;
const MAX_CACHED_WORDS = 10_000;
const MAX_CACHED_LENGTH = 256;

/** Throws `invalid_model` for merges of tokens that are not in the vocabulary, and for dropout, which is random. */
export function createBpe(part: Part): TokenModel {
  const config = readPart("model", part, bpeSchema);
  if (config.dropout) {
    throw unusable(
      `its BPE model has dropout ${config.dropout}, which encodes the same text differently each time; set it to null`,
    );
  }
  const { ids, tokens } = vocabularyOf(Object.entries(config.vocab));
  const unkId = config.unk_token == null ? undefined : ids.get(config.unk_token);
  const merges = readMerges(config, ids);
  const requireUnknown = () => {
    if (config.unk_token == null || unkId !== undefined) return unkId;
    throw unusable(
      `its unk_token ${quoteName(config.unk_token)} is not in the vocabulary, but part of the text needs it`,
    );
  };
  const cache = new Map<string, readonly number[]>();

  function encodeWord(word: string): readonly number[] {
    const whole = config.ignore_merges ? ids.get(word) : undefined;
    if (whole !== undefined) return [whole];
    return mergeAll(firstTokens(word, config, ids, requireUnknown), merges);
  }

  return {
    ids,
    tokens,
    unkId,
    encode(word) {
      const known = cache.get(word);
      if (known !== undefined) return known;
      const encoded = encodeWord(word);
      if (word.length < MAX_CACHED_LENGTH) {
        if (cache.size >= MAX_CACHED_WORDS) cache.clear();
        cache.set(copyOf(word), encoded);
      }
      return encoded;
    },
  };
}

/** A word is a slice of a whole text, which V8 keeps as long as the slice; of this one it keeps the word. */
const copyOf = (word: string): string => ` ${word}`.slice(1);

interface Merges {
  /** Pair of ids → rank; the lowest is joined first. */
  readonly ranks: ReadonlyMap<number, number>;
  /** Rank → the id of the joined token. */
  readonly results: Uint32Array;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readMerges(config: BpeConfig, ids: ReadonlyMap<string, number>): Merges {
  const ranks = new Map<number, number>();
  const results = new Uint32Array(config.merges.length);
  const prefixLength = config.continuing_subword_prefix?.length ?? 0;
  const idOf = (token: string, rank: number) => {
    const id = ids.get(token);
    if (id !== undefined) return id;
    throw unusable(`its merge ${rank} needs the token ${quoteName(token)}, which is not in the vocabulary`);
  };
  for (const [rank, merge] of config.merges.entries()) {
    const pair = typeof merge === "string" ? merge.split(" ") : merge;
    if (pair.length !== 2) throw unusable(`its merge ${rank} is not a pair: ${quoteName(String(merge))}`);
    const [left, right] = pair as [string, string];
    results[rank] = idOf(left + right.slice(prefixLength), rank);
    ranks.set(idOf(left, rank) * IDS + idOf(right, rank), rank);
  }
  return { ranks, results };
}

/**
 * The ids of a word's characters. Characters that are neither in the vocabulary nor representable as bytes become the
 * unknown token.
 */
function firstTokens(
  word: string,
  config: BpeConfig,
  ids: ReadonlyMap<string, number>,
  requireUnknown: () => number | undefined,
): number[] {
  const found: number[] = [];
  let unkId: number | undefined;
  // The Rust library writes an unknown token only when the next known character or another unknown one follows it.
  let unknownIsDue = false;
  let at = 0;
  for (const character of word) {
    const prefix = at > 0 ? (config.continuing_subword_prefix ?? "") : "";
    at += character.length;
    const suffix = at === word.length ? (config.end_of_word_suffix ?? "") : "";
    const token = prefix + character + suffix;
    const id = ids.get(token);
    if (id !== undefined) {
      if (unknownIsDue) found.push(unkId!);
      unknownIsDue = false;
      found.push(id);
      continue;
    }
    const bytes = config.byte_fallback ? byteTokenIds(token, ids) : undefined;
    if (bytes !== undefined) {
      found.push(...bytes);
      continue;
    }
    unkId = requireUnknown();
    if (unknownIsDue && !config.fuse_unk) found.push(unkId!);
    // Without an unknown token, the text is left out.
    unknownIsDue = unkId !== undefined;
  }
  if (unknownIsDue) found.push(unkId!);
  return found;
}

/** Joins pairs in order of rank, then of position; a heap keeps a long word at O(n log n). */
function mergeAll(symbols: number[], { ranks, results }: Merges): number[] {
  const count = symbols.length;
  if (count < 2) return symbols;
  const GONE = -1;
  const next = Int32Array.from({ length: count }, (_, at) => (at + 1 < count ? at + 1 : GONE));
  const previous = Int32Array.from({ length: count }, (_, at) => at - 1);
  const heap = new NumberHeap();
  const offer = (left: number) => {
    const right = left < 0 ? GONE : next[left]!;
    if (right < 0) return;
    const rank = ranks.get(symbols[left]! * IDS + symbols[right]!);
    if (rank !== undefined) heap.push(rank * POSITIONS + left);
  };
  for (let at = 0; at < count; at++) offer(at);
  for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
    const left = key % POSITIONS;
    const rank = (key - left) / POSITIONS;
    const right = symbols[left] === GONE ? GONE : next[left]!;
    // Skips entries whose tokens have been joined to others since.
    if (right < 0 || ranks.get(symbols[left]! * IDS + symbols[right]!) !== rank) continue;
    symbols[left] = results[rank]!;
    symbols[right] = GONE;
    next[left] = next[right]!;
    if (next[right]! >= 0) previous[next[right]!] = left;
    offer(previous[left]!);
    offer(left);
  }
  return symbols.filter((symbol) => symbol !== GONE);
}

/** A binary heap: the smallest number first. */
class NumberHeap {
  readonly #keys: number[] = [];

  push(key: number): void {
    const keys = this.#keys;
    let at = keys.length;
    keys.push(key);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[at] = keys[parent]!;
      at = parent;
    }
    keys[at] = key;
  }

  pop(): number | undefined {
    const keys = this.#keys;
    const smallest = keys[0];
    const moved = keys.pop();
    if (keys.length === 0 || moved === undefined) return smallest;
    let at = 0;
    for (let child = 1; child < keys.length; child = 2 * at + 1) {
      if (child + 1 < keys.length && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= moved) break;
      keys[at] = keys[child]!;
      at = child;
    }
    keys[at] = moved;
    return smallest;
  }
}
