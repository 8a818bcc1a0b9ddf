import {
  decodeKeyStatistics,
  encodeKeyStatistics,
  type KeyStatistics,
  keyStatisticsName,
} from "../../shared/edits/key-statistics.ts";
import type { EditReport } from "../../shared/edits/report.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { Executor } from "../engines/executor.ts";
import { Generator } from "../eval/generator.ts";
import type { BaseArtefacts } from "../recipes/recipe.ts";
import { startOfText } from "./prefixes.ts";
import { secondMoments } from "./second-moments.ts";

export type StatisticsSource = EditReport["statistics"]["source"];

/** Texts to take the statistics from, as ids. Absent where the base writes them itself. */
export interface StatisticsTexts {
  readonly source: Exclude<StatisticsSource, "sampled">;
  readonly texts: readonly Int32Array[];
}

export interface BaseStatisticsOptions {
  /** The bare base. */
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  readonly layers: readonly number[];
  /** The most tokens that are read. */
  readonly tokens: number;
  readonly given: StatisticsTexts | undefined;
  readonly artefacts: BaseArtefacts | undefined;
  readonly yieldToEventLoop: () => Promise<void>;
  readonly onStart: (about: { readonly source: StatisticsSource; readonly tokens: number }) => void;
  readonly onRead: (tokens: number, of: number) => void;
}

/**
 * The key statistics of layers: read from the base's artefacts where an earlier job took them, and kept there unless they come from a
 * tenant's file. Throws `invalid_dataset` for texts of too few tokens.
 */
export async function baseStatistics(
  executor: Executor,
  options: BaseStatisticsOptions,
): Promise<Map<number, KeyStatistics>> {
  const { config, weights, tokenizer, layers, tokens, given, artefacts, yieldToEventLoop } = options;
  const source = given?.source ?? "sampled";
  const kept = source === "file" ? undefined : artefacts;
  const chosen = given === undefined ? undefined : firstTokens(given.texts, tokens);
  const name = await namesOf(chosen, layers, tokens);
  const found = new Map<number, KeyStatistics>();
  for (const layer of layers) {
    const bytes = await kept?.read(name.get(layer)!);
    if (bytes !== undefined) found.set(layer, decodeKeyStatistics(bytes));
  }
  const missing = layers.filter((layer) => !found.has(layer));
  if (missing.length === 0) return found;
  options.onStart({ source, tokens });
  const texts = chosen ?? (await sampleTexts(executor, options));
  const total = texts.reduce((sum, { length }) => sum + length, 0);
  const least = Math.min(1_000, tokens);
  if (total < least) {
    throw new TrimtabError(
      "invalid_dataset",
      `the texts for the key statistics have ${total} tokens; at least ${least} are needed`,
      {
        ...(source === "file" ? { param: "validation_file" } : {}),
      },
    );
  }
  const {
    moments,
    convergence,
    tokens: read,
  } = await secondMoments(executor, texts, {
    ...{ config, weights, layers: missing, padId: tokenizer.padId, yieldToEventLoop },
    onRead: (count) => options.onRead(count, total),
  });
  for (const layer of missing) {
    const statistics: KeyStatistics = {
      ...{ layer, source, tokens: read, convergence: [...convergence.get(layer)!] },
      secondMoment: moments.get(layer)!,
    };
    found.set(layer, statistics);
    await kept?.write(name.get(layer)!, encodeKeyStatistics(statistics));
  }
  return found;
}

async function namesOf(texts: readonly Int32Array[] | undefined, layers: readonly number[], tokens: number) {
  const joined = Int32Array.from((texts ?? []).flatMap((ids) => [...ids, -1]));
  const hash = texts === undefined ? "sampled" : await sha256Hex(new Uint8Array(joined.buffer));
  const names = new Map<number, string>();
  for (const layer of layers) names.set(layer, await keyStatisticsName({ layer, tokens, texts: hash }));
  return names;
}

/** The first texts, of at most as many tokens together; the last one is cut. */
function firstTokens(texts: readonly Int32Array[], most: number): Int32Array[] {
  const taken: Int32Array[] = [];
  let left = most;
  for (const ids of texts) {
    if (left <= 0) break;
    if (ids.length > 0) taken.push(ids.subarray(0, left));
    left -= ids.length;
  }
  return taken;
}

const SAMPLE_TOKENS = 256;

/** Texts that the base writes from nothing; a function of the base. */
export async function sampleTexts(
  executor: Executor,
  options: Pick<BaseStatisticsOptions, "config" | "weights" | "tokenizer" | "tokens" | "yieldToEventLoop">,
): Promise<Int32Array[]> {
  const { config, weights, tokenizer, tokens, yieldToEventLoop } = options;
  const start = startOfText(tokenizer);
  const maxTokens = Math.min(SAMPLE_TOKENS, config.maxPositions - start.length);
  const generator = await Generator.create(executor, {
    ...{ config, frozen: weights, slots: 32, capacity: start.length + maxTokens },
  });
  try {
    const texts: Int32Array[] = [];
    let written = 0;
    for (let round = 0; written < tokens && round < 64; round++) {
      const samples = Math.min(64, Math.ceil((tokens - written) / maxTokens) + 8);
      const [made] = await generator.generate([{ tokens: start, samples }], {
        ...{ maxTokens, temperature: 1, seed: round, logprobs: false, yieldToEventLoop },
        isEnd: (token) => token === tokenizer.eosId,
      });
      for (const { tokens: ids } of made!) {
        texts.push(Int32Array.from([...start, ...ids]));
        written += ids.length;
      }
    }
    return firstTokens(texts, tokens);
  } finally {
    await generator.dispose();
  }
}
