import type { ModelConfig } from "../../shared/model/config.ts";
import { weightName } from "../../shared/model/modules.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { TokenizedExample } from "../data/units.ts";
import { longestOf, unitsOf } from "../data/units.ts";
import type { Executor } from "../engines/executor.ts";
import { Generator } from "../eval/generator.ts";
import { createProgramCache } from "../loop/program-cache.ts";
import { frozenTensors } from "../recipes/causal-graphs.ts";
import { createScorer } from "../recipes/scorer.ts";
import { countBucket, lengthBucket } from "./buckets.ts";
import { editedModule } from "./edit-model.ts";

/** Values of the edited weights: those of the unedited model, or of an edit. By name, as in the files. */
export type EditedValues = ReadonlyMap<string, Tensor<"f32">>;

export interface EditedSubjectOptions {
  readonly config: ModelConfig;
  /** The model as it was before the edit, with the deltas on which it was solved. */
  readonly weights: Weights;
  readonly layers: readonly number[];
  readonly padId: number;
  readonly yieldToEventLoop: () => Promise<void>;
}

/** A model that is asked with and without an edit. Programs are compiled once for both. */
export interface EditedSubject {
  readonly unedited: EditedValues;
  /** The greedy continuations of prompts, up to as many tokens or the first that `isEnd` accepts, which is left out. */
  continue(
    values: EditedValues,
    prompts: readonly (readonly number[])[],
    options: ContinueOptions,
  ): Promise<number[][]>;
  /** The sum of log p of the labelled tokens, and their number, for each text. */
  score(
    values: EditedValues,
    texts: readonly TokenizedExample[],
  ): Promise<{ logProbability: number; tokens: number }[]>;
  close(): Promise<void>;
}

export interface ContinueOptions {
  readonly maxTokens: number;
  readonly isEnd: (token: number) => boolean;
}

const SLOTS = 64;
const MOST_TOKENS = 2_048;
const MOST_LOGITS = 1 << 23;

export function openEditedSubject(executor: Executor, options: EditedSubjectOptions): EditedSubject {
  const { config, weights, layers, padId, yieldToEventLoop } = options;
  const names = layers.map((layer) => weightName(editedModule(layer)));
  const unedited = new Map(names.map((name) => [name, weights.get(name)!]));
  const method: AttachedMethod = {
    parameters: names.map((name) => ({ name, shape: unedited.get(name)!.shape, decay: false })),
    initial: unedited,
    startsAsBase: true,
    randomInputs: () => [],
  };
  const kept = createProgramCache(executor);
  let generator: { readonly made: Generator; readonly capacity: number } | undefined;

  async function generatorFor(capacity: number): Promise<Generator> {
    if (generator !== undefined && generator.capacity >= capacity) return generator.made;
    await generator?.made.dispose();
    const frozen = frozenTensors(weights, method);
    generator = {
      made: await Generator.create(executor, { config, frozen, method, slots: SLOTS, capacity }),
      capacity,
    };
    return generator.made;
  }

  return {
    unedited,
    async continue(values, prompts, { maxTokens, isEnd }) {
      if (prompts.length === 0) return [];
      const longest = prompts.reduce((most, { length }) => Math.max(most, length), 0);
      const model = await generatorFor(Math.min(config.maxPositions, Math.ceil((longest + maxTokens) / 32) * 32));
      await model.use(values);
      const found: number[][] = prompts.map(() => []);
      // Prompts that fill the context leave less room for what follows.
      const byRoom = new Map<number, number[]>();
      for (const [index, { length }] of prompts.entries()) {
        const room = Math.min(maxTokens, config.maxPositions - length);
        byRoom.set(room, [...(byRoom.get(room) ?? []), index]);
      }
      for (const [room, indices] of byRoom) {
        if (room < 1) continue;
        const asked = indices.map((index) => ({ tokens: prompts[index]! }));
        const settings = { maxTokens: room, isEnd, temperature: 0, logprobs: false, yieldToEventLoop };
        for (const [i, [only]] of (await model.generate(asked, settings)).entries()) {
          const { tokens, ended } = only!;
          found[indices[i]!] = ended ? tokens.slice(0, -1) : [...tokens];
        }
      }
      return found;
    },
    async score(values, texts) {
      if (texts.length === 0) return [];
      const units = unitsOf(texts);
      const tokens = Math.min(config.maxPositions, lengthBucket(longestOf(units)));
      const most = Math.max(1, Math.floor(Math.min(MOST_TOKENS, MOST_LOGITS / config.vocabSize) / tokens));
      const rows = { shape: { rows: Math.min(most, countBucket(texts.length)), tokens }, packing: true, padId };
      const read = createScorer(kept, { config, weights, method, rows, yieldToEventLoop });
      const scores = await read(units, values);
      await kept.clear();
      return scores.map(([only], i) => {
        const { labels } = texts[i]!;
        return {
          logProbability: only!.reduce((sum, one) => sum + one, 0),
          tokens: labels.reduce((count, label, at) => (at > 0 && label >= 0 ? count + 1 : count), 0),
        };
      });
    },
    async close() {
      await Promise.all([generator?.made.dispose(), kept.dispose()]);
    },
  };
}
