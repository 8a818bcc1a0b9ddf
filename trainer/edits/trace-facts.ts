import { TRACED_KINDS, TRACED_PLACES, type TracedPlace } from "../../shared/edits/tracing.ts";
import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Value } from "../../shared/graph/graph.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { ModelRewrite } from "../../shared/model/rewrite.ts";
import { createRandom } from "../../shared/random.ts";
import { f32 } from "../../shared/tensor.ts";
import type { NamedTensors } from "../engines/executor.ts";
import { countBucket, lengthBucket } from "./buckets.ts";
import type { EditModel } from "./edit-model.ts";
import { rowGraph } from "./row-graph.ts";
import { rowFeeds } from "./rows.ts";

/** A prompt whose answer the model knows, as ids. */
export interface TracedFact {
  readonly ids: Int32Array;
  /** The subject's tokens [first, last]. */
  readonly first: number;
  readonly last: number;
  /** The first token of the answer. */
  readonly answer: number;
  /** Names the draws of its noise. */
  readonly name: string;
}

export interface TraceOptions {
  readonly samples: number;
  /** Standard deviation of the noise. */
  readonly deviation: number;
  readonly seed: number;
  readonly onTraced?: (facts: number) => void;
}

/** Means over facts, of probabilities of the answers. */
export interface Traced {
  readonly clean: number;
  readonly corrupted: number;
  /** By kind and place, for each layer; places that no prompt has are absent. */
  readonly effects: Readonly<Record<(typeof TRACED_KINDS)[number], Partial<Record<TracedPlace, number[]>>>>;
}

/** Rows of one run; a row restores one state under one draw of the noise. */
const MOST_ROWS = 64;

/**
 * Causal tracing (Meng et al., "Locating and Editing Factual Associations in GPT", 2022): noise on the embeddings of the subject hides
 * the answer; restoring one state of the clean run, at one token and layer, shows by how much the answer's probability recovers. Traced
 * are the MLP's output and the whole state, one at a time.
 */
export async function traceFacts(
  model: EditModel,
  facts: readonly TracedFact[],
  { samples, deviation, seed, onTraced }: TraceOptions,
): Promise<Traced> {
  const { config } = model;
  const sums = new Map<string, { sum: number; count: number }>();
  let [clean, corrupted] = [0, 0];
  for (const [index, fact] of facts.entries()) {
    const places = placesOf(fact);
    const states = await cleanStates(model, fact);
    const noise = Array.from({ length: samples }, (_, sample) => drawNoise(config, fact, { seed, sample, deviation }));
    const restored = places.flatMap(([place, at]) =>
      TRACED_KINDS.flatMap((kind) => Array.from({ length: config.layers }, (_, layer) => ({ place, at, kind, layer }))),
    );
    const rows = [undefined, ...restored].flatMap((restore) => noise.map((draw) => ({ restore, draw })));
    const probabilities: number[] = [];
    for (let at = 0; at < rows.length; at += MOST_ROWS) {
      probabilities.push(...(await runRows(model, fact, states, rows.slice(at, at + MOST_ROWS))));
    }
    const mean = (row: number) =>
      probabilities.slice(row * samples, (row + 1) * samples).reduce((a, b) => a + b, 0) / samples;
    const base = mean(0);
    clean += states.probability / facts.length;
    corrupted += base / facts.length;
    for (const [i, { place, kind, layer }] of restored.entries()) {
      const key = `${kind} ${place} ${layer}`;
      const entry = sums.get(key) ?? { sum: 0, count: 0 };
      sums.set(key, { sum: entry.sum + mean(i + 1) - base, count: entry.count + 1 });
    }
    onTraced?.(index + 1);
  }
  const effectsOf = (kind: (typeof TRACED_KINDS)[number]) =>
    Object.fromEntries(
      TRACED_PLACES.filter((place) => sums.has(`${kind} ${place} 0`)).map((place) => [
        place,
        Array.from({ length: config.layers }, (_, layer) => {
          const { sum, count } = sums.get(`${kind} ${place} ${layer}`)!;
          return sum / count;
        }),
      ]),
    );
  return { clean, corrupted, effects: { mlp: effectsOf("mlp"), stream: effectsOf("stream") } };
}

/** Each place and its token. A token has one place: the subject's last one is not its first too. */
function placesOf({ ids, first, last }: TracedFact): (readonly [TracedPlace, number])[] {
  const end = ids.length - 1;
  return [
    ...(first < last ? [["subject_first", first] as const] : []),
    ...(last - first > 1 ? [["subject_middle", Math.floor((first + last) / 2)] as const] : []),
    ["subject_last", last],
    ...(last + 1 < end ? [["next", last + 1] as const] : []),
    ...(last < end ? [["last", end] as const] : []),
  ];
}

interface CleanStates {
  readonly tokens: number;
  /** By tap [T, D]. */
  readonly states: ReadonlyMap<string, Float32Array>;
  readonly probability: number;
}

const tapOf = (kind: (typeof TRACED_KINDS)[number], layer: number) =>
  kind === "mlp" ? `layers.${layer}.mlp` : `layers.${layer}`;

async function cleanStates(model: EditModel, { ids, answer }: TracedFact): Promise<CleanStates> {
  const { config } = model;
  const tokens = lengthBucket(ids.length);
  const taps = Array.from({ length: config.layers }, (_, layer) =>
    TRACED_KINDS.map((kind) => tapOf(kind, layer)),
  ).flat();
  const shape = { rows: 1, tokens };
  const name = `clean ${tokens}`;
  const outputs = await model.run(
    name,
    () =>
      rowGraph(name, { config, ...shape }, ({ tap, atPositions, logProbabilities }) => ({
        ...Object.fromEntries(taps.map((one) => [one, tap(one)])),
        answers: logProbabilities(atPositions(tap("final"))),
      })),
    rowFeeds([{ ids, at: ids.length - 1 }], shape),
  );
  return {
    tokens,
    states: new Map(taps.map((one) => [one, outputs[one]!.data as Float32Array])),
    probability: Math.exp(Number(outputs.answers!.data[answer])),
  };
}

/** Noise on the subject's embeddings [T, D], zero elsewhere. */
function drawNoise(
  { hiddenSize: width }: ModelConfig,
  { ids, first, last, name }: TracedFact,
  { seed, sample, deviation }: { readonly seed: number; readonly sample: number; readonly deviation: number },
): Float32Array {
  const random = createRandom(seed, "tracing", name, sample);
  const noise = new Float32Array(lengthBucket(ids.length) * width);
  for (let at = first * width; at < (last + 1) * width; at++) noise[at] = deviation * random.normal();
  return noise;
}

interface TracedRow {
  readonly draw: Float32Array;
  readonly restore:
    | { readonly at: number; readonly kind: (typeof TRACED_KINDS)[number]; readonly layer: number }
    | undefined;
}

/** The answer's probability in each row. */
async function runRows(
  model: EditModel,
  { ids, answer }: TracedFact,
  { tokens, states }: CleanStates,
  rows: readonly TracedRow[],
): Promise<number[]> {
  const { config } = model;
  const { hiddenSize: width, layers, vocabSize } = config;
  const shape = { rows: countBucket(rows.length), tokens };
  const noise = new Float32Array(shape.rows * tokens * width);
  const masks = new Map(
    TRACED_KINDS.flatMap((kind) =>
      Array.from(
        { length: layers },
        (_, layer) => [maskName(kind, layer), new Float32Array(shape.rows * tokens)] as const,
      ),
    ),
  );
  for (const [row, { draw, restore }] of rows.entries()) {
    noise.set(draw, row * tokens * width);
    if (restore !== undefined) masks.get(maskName(restore.kind, restore.layer))![row * tokens + restore.at] = 1;
  }
  const feeds: NamedTensors = {
    ...rowFeeds(
      Array.from({ length: shape.rows }, () => ({ ids, at: ids.length - 1 })),
      shape,
    ),
    noise: f32([shape.rows, tokens, width], noise),
    ...Object.fromEntries([...masks].map(([name, data]) => [name, f32([shape.rows, tokens, 1], data)])),
    ...Object.fromEntries([...states].map(([tap, data]) => [cleanName(tap), f32([1, tokens, width], data)])),
  };
  const name = `traced ${shape.rows} ${tokens}`;
  const outputs = await model.run(
    name,
    () =>
      rowGraph(
        name,
        { config, ...shape, rewrite: (b) => restoring(b, config, shape) },
        ({ tap, atPositions, logProbabilities }) => ({ answers: logProbabilities(atPositions(tap("final"))) }),
      ),
    feeds,
  );
  return rows.map((_, row) => Math.exp(Number(outputs.answers!.data[row * vocabSize + answer])));
}

const maskName = (kind: string, layer: number) => `restore.${kind}.${layer}`;
const cleanName = (tap: string) => `clean.${tap}`;

/** Adds the noise to the embeddings, and puts clean states in place of others where a mask is 1. */
function restoring(
  b: GraphBuilder,
  { hiddenSize: width }: ModelConfig,
  { rows, tokens }: { readonly rows: number; readonly tokens: number },
): ModelRewrite {
  const restore = (kind: (typeof TRACED_KINDS)[number], layer: number, now: Value) => {
    const mask = b.input(maskName(kind, layer), "f32", [rows, tokens, 1]);
    const clean = b.input(cleanName(tapOf(kind, layer)), "f32", [1, tokens, width]);
    return [b.mul(b.sub(clean, now), mask)];
  };
  return {
    embed: ({ y }) => b.add(y, b.input("noise", "f32", [rows, tokens, width])),
    block: ({ path, y }) => {
      const layer = /^layers\.(\d+)\.mlp$/.exec(path)?.[1];
      return layer === undefined ? [] : restore("mlp", Number(layer), y);
    },
    stream: ({ layer, stream }) => restore("stream", layer, stream),
  };
}
