/** Draws that the corpus needs beyond the shared random streams, and a hash for decisions that depend on a text only. */
import { createRandom as createStream, type Random as Stream } from "../../../shared/random.ts";

export interface Random extends Stream {
  /** An integer in [low, high], both inclusive. */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** `count` different items (or all, if there are fewer) in random order; does not modify the argument. */
  sample<T>(items: readonly T[], count: number): T[];
}

/** A stream determined by the seed and the stream's name. */
export function createRandom(seed: number, ...stream: readonly (number | string)[]): Random {
  const random = createStream(seed, ...stream);
  return {
    ...random,
    between: (low, high) => low + random.below(high - low + 1),
    chance: (probability) => random.float() < probability,
    pick: (items) => items[random.below(items.length)]!,
    sample: (items, count) => {
      const pool = [...items];
      const taken = Math.min(count, pool.length);
      for (let i = 0; i < taken; i++) {
        const j = i + random.below(pool.length - i);
        [pool[i], pool[j]] = [pool[j]!, pool[i]!];
      }
      return pool.slice(0, taken);
    },
  };
}

/**
 * Draws without replacement and reshuffles when empty, so that every item comes up equally often.
 * The returned function advances `random`.
 */
export function createDeck<T>(items: readonly T[], random: Random): () => T {
  let rest: T[] = [];
  return () => {
    if (rest.length === 0) rest = random.sample(items, items.length);
    return rest.pop()!;
  };
}

/** FNV-1a over UTF-16 code units with MurmurHash3's avalanche, as an unsigned 32-bit integer. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // Without the avalanche the low bits of similar texts are correlated, and `hash % n` would be too.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
