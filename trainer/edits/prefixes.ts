import type { EditFact } from "../../shared/edits/fact.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { createRandom } from "../../shared/random.ts";
import type { Executor } from "../engines/executor.ts";
import { Generator } from "../eval/generator.ts";

/** Texts that a model writes from nothing, of 5 to 10 tokens. */
export type PrefixPool = readonly string[];

const [SHORTEST, LONGEST] = [5, 10];
const POOL = 48;

export interface PrefixOptions {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  readonly seed: number;
  /** The most prefixes that a fact takes. */
  readonly count: number;
  readonly yieldToEventLoop: () => Promise<void>;
}

/** Samples short texts from the model; a function of the model and the seed. Empty where the model writes nothing. */
export async function samplePrefixes(executor: Executor, options: PrefixOptions): Promise<PrefixPool> {
  const { config, weights, tokenizer, seed, count, yieldToEventLoop } = options;
  if (count === 0) return [];
  const start = startOfText(tokenizer);
  const generator = await Generator.create(executor, {
    ...{ config, frozen: weights, slots: 32, capacity: Math.min(config.maxPositions, start.length + LONGEST) },
  });
  try {
    const [samples] = await generator.generate([{ tokens: start, samples: Math.max(POOL, 2 * count) }], {
      ...{ maxTokens: LONGEST, temperature: 1, seed, logprobs: false, yieldToEventLoop },
      isEnd: (token) => token === tokenizer.eosId,
    });
    const texts = samples!.map(({ tokens, ended }, index) => {
      const written = ended ? tokens.slice(0, -1) : tokens;
      const length = SHORTEST + (index % (LONGEST - SHORTEST + 1));
      const text = tokenizer.decode(written.slice(0, length), { skipSpecial: true });
      // The last character may be cut in the middle of its bytes.
      return text
        .replace(/\uFFFD/g, "")
        .replace(/\s+/g, " ")
        .trim();
    });
    return [...new Set(texts)].filter((text) => text !== "");
  } finally {
    await generator.dispose();
  }
}

/** Tokens of a sentence that serves as a prefix. */
const [SHORT_SENTENCE, LONG_SENTENCE] = [4, 12];
const SENTENCE = /^[^\n]{8,}?[.!?](?=\s|$)/;

/**
 * Whole sentences with which texts of the model's kind begin: what stands before a prompt when the model is used. A model that was
 * trained on no beginning behind a token of its own writes noise there, so these come before samples. At most 48; a function of the
 * texts and the seed.
 */
export function sentencePrefixes(
  tokenizer: Pick<Tokenizer, "decode" | "encode">,
  texts: readonly Int32Array[],
  seed: number,
): PrefixPool {
  const found = new Set<string>();
  for (const index of createRandom(seed, "sentences").permutation(texts.length)) {
    if (found.size === POOL) break;
    const start = tokenizer.decode([...texts[index]!.subarray(0, 2 * LONG_SENTENCE)]);
    const sentence = SENTENCE.exec(start)?.[0];
    if (sentence === undefined) continue;
    const { length } = tokenizer.encode(sentence);
    if (length >= SHORT_SENTENCE && length <= LONG_SENTENCE) found.add(sentence);
  }
  return [...found];
}

/** The ids behind which a model begins a text. */
export function startOfText(tokenizer: Tokenizer): number[] {
  return tokenizer.prefix.length > 0 ? [...tokenizer.prefix] : [tokenizer.bosId ?? tokenizer.eosId];
}

/**
 * The prefixes of one fact. Its own words choose them, so that its value does not depend on the facts beside it. `rest`: further ones,
 * behind which the fact was not solved.
 */
export function prefixesOf(
  pool: PrefixPool,
  { prompt, subject }: Pick<EditFact, "prompt" | "subject">,
  { seed, count }: Pick<PrefixOptions, "seed" | "count">,
): { readonly own: string[]; readonly rest: string[] } {
  const order = createRandom(seed, "prefixes", prompt, subject).permutation(pool.length);
  const drawn = [...order].map((index) => pool[index]!);
  const own = Array.from({ length: pool.length === 0 ? 0 : count }, (_, i) => drawn[i % drawn.length]!);
  return { own, rest: drawn.slice(count) };
}
