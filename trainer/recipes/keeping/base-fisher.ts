import { gradient } from "../../../shared/autodiff/gradient.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { decodeFisher, encodeFisher, type Fisher, fisherName } from "../../../shared/evaluation/fisher.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Graph } from "../../../shared/graph/graph.ts";
import { LIMITS } from "../../../shared/limits.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { parameterCount, weightSpecs } from "../../../shared/model/modules.ts";
import type { Tokenizer } from "../../../shared/model/tokenizer.ts";
import { trainingForward } from "../../../shared/model/training-forward.ts";
import type { Weights } from "../../../shared/model/weights.ts";
import { elementCount, f32, type Tensor } from "../../../shared/tensor.ts";
import { stepBatches } from "../../data/batches.ts";
import { sampleTexts } from "../../edits/base-statistics.ts";
import type { Executor, NamedTensors } from "../../engines/executor.ts";
import { crossEntropy } from "../../losses/cross-entropy.ts";
import { feedsFor } from "../causal-graphs.ts";
import type { BaseArtefacts } from "../recipe.ts";
import { baseTextIds } from "./base-texts.ts";

/** Texts whose gradients are squared, and the tokens that each is cut to: some seconds for a base of ten million weights. */
export const FISHER_SAMPLES = 128;
const TEXT_TOKENS = 64;

export interface BaseFisherOptions {
  /** The bare base. */
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  /** The base's own texts; undefined: it writes them itself. */
  readonly corpus: readonly string[] | undefined;
  readonly artefacts: BaseArtefacts | undefined;
  /** The field that asks for it, for errors. */
  readonly param: string;
  readonly yieldToEventLoop: () => Promise<void>;
  /** Called before it is computed. */
  readonly onStart: () => void;
}

/**
 * The diagonal Fisher information of a base, from its artefacts where an earlier job computed it:
 *
 *     F_w = Σ_x (Σ_t ∂ log p(x_t | x_<t) / ∂w)² / Σ_x T_x
 *
 * over texts x of T tokens: per token, since gradients of different tokens are uncorrelated under the model. Throws
 * `invalid_request` for a base whose artefact would be larger than any that is kept.
 */
export async function baseFisher(executor: Executor, options: BaseFisherOptions): Promise<Fisher> {
  const { config, weights, tokenizer, corpus, artefacts, param, yieldToEventLoop } = options;
  const bytes = 4 * parameterCount(config);
  if (bytes > LIMITS.artefact) {
    const message = `\`${param}\`: the Fisher information of this base takes ${bytes} bytes, and at most ${LIMITS.artefact} are kept. Use rehearsal instead.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  const limit = Math.min(TEXT_TOKENS, config.maxPositions);
  const own = corpus === undefined ? undefined : chosenTexts(corpus, tokenizer, limit);
  const name = await fisherName(own === undefined ? "sampled" : await hashOf(own));
  const kept = await artefacts?.read(name);
  if (kept !== undefined) return decodeFisher(kept);
  options.onStart();
  const texts =
    own ??
    (
      await sampleTexts(executor, { config, weights, tokenizer, tokens: FISHER_SAMPLES * limit, yieldToEventLoop })
    ).flatMap((ids) => (ids.length > 1 ? [ids.subarray(0, limit)] : []));
  if (texts.length === 0) {
    const message = `\`${param}\`: the base has no text of two tokens or more to take its Fisher information from`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  const fisher = await measured(executor, texts.slice(0, FISHER_SAMPLES), options);
  const made: Fisher = { ...fisher, source: own === undefined ? "sampled" : "corpus" };
  await artefacts?.write(name, encodeFisher(made));
  return made;
}

/** Texts at even distances, as ids. */
function chosenTexts(corpus: readonly string[], tokenizer: Tokenizer, limit: number): Int32Array[] {
  const count = Math.min(FISHER_SAMPLES, corpus.length);
  return Array.from({ length: count }, (_, nth) => {
    return baseTextIds(tokenizer, corpus[Math.floor((nth * corpus.length) / count)]!, limit);
  }).filter(({ length }) => length > 1);
}

async function hashOf(texts: readonly Int32Array[]): Promise<string> {
  const joined = Int32Array.from(texts.flatMap((ids) => [...ids, -1]));
  return await sha256Hex(new Uint8Array(joined.buffer));
}

export const squaredName = (name: string) => `${name}#squared`;

/** Adds the square of the gradient of a text's summed log-probability to each accumulator, for a row of at most T tokens. */
export function fisherGraph(config: ModelConfig, tokens: number): Graph {
  const b = new GraphBuilder("fisher");
  const { logits, weight } = trainingForward(b, config, { rows: 1, tokens });
  const specs = weightSpecs(config);
  const gradients = gradient(
    b,
    crossEntropy(b, logits),
    specs.map(({ name }) => weight(name)),
  );
  return b.build(
    Object.fromEntries(
      specs.map(({ name, shape }, i) => {
        const sum = b.input(squaredName(name), "f32", shape);
        return [squaredName(name), b.add(sum, b.square(gradients[i]!))];
      }),
    ),
  );
}

async function measured(
  executor: Executor,
  texts: readonly Int32Array[],
  { config, weights, tokenizer, yieldToEventLoop }: BaseFisherOptions,
): Promise<Omit<Fisher, "source">> {
  const longest = texts.reduce((most, { length }) => Math.max(most, length), 0);
  const graph = fisherGraph(config, longest);
  const program = await executor.compile(graph, { bindings: weights });
  try {
    const specs = weightSpecs(config);
    let sums: NamedTensors = Object.fromEntries(
      specs.map(({ name, shape }) => [squaredName(name), f32(shape, new Float32Array(elementCount(shape)))]),
    );
    let half = { sums, tokens: 0 };
    let tokens = 0;
    const rows = { shape: { rows: 1, tokens: longest }, packing: false, padId: tokenizer.padId };
    for (const [index, ids] of texts.entries()) {
      const [batch] = stepBatches([[{ examples: [{ ids, labels: ids }] }]], rows);
      // The divisor of the mean: 1 makes it the sum of a text.
      sums = await program.run({ ...feedsFor(graph, { ...batch!.feeds, total: f32([], [1]) }), ...sums });
      tokens += batch!.trainedTokens;
      if (index + 1 === Math.ceil(texts.length / 2)) half = { sums, tokens };
      await yieldToEventLoop();
    }
    const perToken = (of: { readonly sums: NamedTensors; readonly tokens: number }, name: string): Tensor<"f32"> => {
      const { shape, data } = of.sums[squaredName(name)]!;
      return f32(
        shape,
        (data as Float32Array).map((value) => value / of.tokens),
      );
    };
    let [difference, total] = [0, 0];
    const diagonal = new Map<string, Tensor<"f32">>();
    for (const { name } of specs) {
      const [whole, first] = [perToken({ sums, tokens }, name), perToken(half, name)];
      for (const [i, value] of whole.data.entries()) {
        difference += Math.abs(value - first.data[i]!);
        total += value;
      }
      diagonal.set(name, whole);
      await yieldToEventLoop();
    }
    return { samples: texts.length, tokens, half_difference: total === 0 ? 0 : difference / total, diagonal };
  } finally {
    await program.dispose();
  }
}
