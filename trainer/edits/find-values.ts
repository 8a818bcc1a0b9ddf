import { f32, type Tensor, tensor } from "../../shared/tensor.ts";
import { train } from "../loop/train.ts";
import { initialState, type TrainingState } from "../loop/training-state.ts";
import { ADAMW_DEFAULTS, type AdamWConfig, slots } from "../optim/adamw.ts";
import { feedsFor } from "../recipes/causal-graphs.ts";
import { slotsFor } from "./buckets.ts";
import type { EditModel } from "./edit-model.ts";
import type { EncodedFact } from "./encoded-fact.ts";
import { type StartedFact, valueFeeds, valueShape } from "./value-batch.ts";
import { DELTA, LOSSES, type ValueShape, valueGraph } from "./value-graph.ts";
import { readValueStarts, type ValueStart, valueRows } from "./value-start.ts";
import { ENDED, LOSS, valueStops } from "./value-stops.ts";

export interface ValueOptions {
  /** δ is added to the output of this layer's MLP, at the subject's last token. */
  readonly layer: number;
  /** v0, by whose length δ is bounded and decays: the output of the layer's MLP, or of the whole layer. */
  readonly measuredBy: "mlp" | "layer";
  /** The most losses that are computed of a fact; one fewer updates. */
  readonly steps: number;
  /** Adam's; `relative`: in shares of ‖v0‖/√D, so that it suits models whose states are larger or smaller. */
  readonly learningRate: number | { readonly relative: number };
  readonly klFactor: number;
  readonly weightDecay: number;
  /** The most ‖δ‖ over ‖v0‖. */
  readonly clamp: number;
  /** A fact whose loss is below it is done. */
  readonly stopBelow: number;
  /** Called as facts are done. */
  readonly onFound?: (facts: number) => void;
  /** Called after every step of a batch of facts with their δ [F, D] before it and their losses [F]; for tests. */
  readonly onStep?: (facts: readonly EncodedFact[], deltas: Float32Array, losses: Float32Array) => void;
}

/** The value of a fact that was found. D width. */
export interface FoundValue {
  /** δ [D] */
  readonly delta: Float64Array;
  readonly start: Pick<ValueStart, "mlp" | "layer">;
  /** The loss at δ, and how many were computed. */
  readonly loss: number;
  readonly steps: number;
}

const OPTIMIZER: AdamWConfig = { ...ADAMW_DEFAULTS, maxGradNorm: 0 };
/**
 * Bounds of a batch of facts: their number, so that facts of unlike lengths are not padded to one another's, the tokens that are computed
 * in a step, and those of the rows that they start from.
 */
const MOST_FACTS = 32;
const MOST_TOKENS = 4_096;
const MOST_START_TOKENS = 12_288;

/**
 * Finds δ of every fact by Adam, on the weights as they are now, as kmeng01/rome and kmeng01/memit do: after each step ‖δ‖ is cut to
 * `clamp`·‖v0‖, and a fact stops at the first loss below `stopBelow`. Facts are found together, yet each as it would be alone. In the
 * order of the facts. All facts have as many contexts. Throws `non_finite`.
 */
export async function findValues(
  model: EditModel,
  facts: readonly EncodedFact[],
  options: ValueOptions,
): Promise<FoundValue[]> {
  const found = new Map<EncodedFact, FoundValue>();
  for (const group of groupsOf(facts)) {
    const starts = await readValueStarts(model, group, options.layer);
    const started = group.map((fact, i): StartedFact => {
      const start = starts[i]!;
      const { weightDecay, clamp, measuredBy, learningRate } = options;
      const length = lengthOf(start[measuredBy]);
      const unit = typeof learningRate === "number" ? 1 : length / Math.sqrt(model.config.hiddenSize) || 1;
      return { fact, start, decay: weightDecay / length ** 2, unit, limit: clamp * length };
    });
    for (const [fact, value] of await optimise(model, started, options)) {
      found.set(fact, value);
    }
    options.onFound?.(found.size);
  }
  return facts.map((fact) => found.get(fact)!);
}

/** Facts of like lengths together. */
function groupsOf(facts: readonly EncodedFact[]): EncodedFact[][] {
  const sized = facts.map((fact) => {
    const rows = valueRows(fact);
    const most = (size: (row: (typeof rows)[number]) => number) => Math.max(...rows.map(size));
    return {
      fact,
      rows: rows.length,
      after: most(({ ids, at }) => ids.length - at),
      all: most(({ ids }) => ids.length),
    };
  });
  sized.sort((a, b) => a.after - b.after || a.all - b.all);
  const groups: EncodedFact[][] = [];
  let [rows, after, all] = [0, 0, 0];
  for (const one of sized) {
    const last = groups.at(-1);
    const [wider, longer] = [Math.max(after, one.after), Math.max(all, one.all)];
    const count = slotsFor((last?.length ?? 0) + 1) * Math.max(rows, one.rows);
    const fits = count * wider <= MOST_TOKENS && count * longer <= MOST_START_TOKENS;
    if (last !== undefined && last.length < MOST_FACTS && fits) {
      last.push(one.fact);
      [rows, after, all] = [Math.max(rows, one.rows), wider, longer];
    } else {
      groups.push([one.fact]);
      [rows, after, all] = [one.rows, one.after, one.all];
    }
  }
  return groups;
}

/** Runs one group to its end. As facts finish, the rest move to graphs for fewer. */
async function optimise(
  model: EditModel,
  facts: readonly StartedFact[],
  options: ValueOptions,
): Promise<Map<EncodedFact, FoundValue>> {
  const { config } = model;
  const found = new Map<EncodedFact, FoundValue>();
  let group = facts;
  let shape = valueShape(group);
  let state = firstState(group, shape, config.hiddenSize);
  while (group.length > 0) {
    state = await descend(model, { group, shape, state }, options);
    const ended = numbersOf(state, ENDED);
    const left: number[] = [];
    for (const [slot, { fact, start, unit }] of group.entries()) {
      if (ended[slot] === 0) {
        left.push(slot);
        continue;
      }
      const delta = rowsOf(state, DELTA, [slot]);
      found.set(fact, {
        delta: Float64Array.from(delta, (value) => value * unit),
        start: { mlp: start.mlp, layer: start.layer },
        loss: numbersOf(state, LOSS)[slot]!,
        steps: ended[slot]!,
      });
    }
    if (left.length === 0) break;
    group = left.map((slot) => group[slot]!);
    shape = valueShape(group);
    state = movedState(state, left, shape);
  }
  return found;
}

interface Descent {
  readonly group: readonly StartedFact[];
  readonly shape: ValueShape;
  readonly state: TrainingState;
}

/** Steps until all facts are done, or so many that a smaller graph will do. */
async function descend(
  model: EditModel,
  { group, shape, state }: Descent,
  options: ValueOptions,
): Promise<TrainingState> {
  const { config } = model;
  const { layer, klFactor, steps, learningRate, stopBelow, onStep } = options;
  const name = `values ${layer} ${klFactor} ${Object.values(shape).join()}`;
  const { graph, bindings } = model.graph(name, () => valueGraph({ config, layer, shape, klFactor }));
  const limits = group.map(({ limit, unit }) => limit / unit);
  const peak = typeof learningRate === "number" ? learningRate : learningRate.relative;
  const fixed = { ...feedsFor(graph, valueFeeds(group, { config, layer, shape })), ...model.current({ graph }) };
  const parameters = parametersFor(shape.facts, config.hiddenSize);
  const activeOf = (one: TrainingState) => numbersOf(one, ENDED).map((ended) => (ended === 0 ? 1 : 0));
  return train(
    model.executor,
    {
      gradients: graph,
      frozen: bindings,
      parameters,
      observed: [LOSSES],
      optimizer: OPTIMIZER,
      schedule: { kind: "constant", peak, warmupSteps: 0, totalSteps: steps },
      afterStep: valueStops({ limits, stopBelow }),
      stop: (one) => {
        const active = activeOf(one).reduce((sum, flag) => sum + flag, 0);
        return active === 0 || slotsFor(active) < shape.facts;
      },
      batches: (_, one) => {
        const active = f32([shape.facts, 1], activeOf(one));
        return [{ feeds: { ...fixed, active }, trainedTokens: 0 }];
      },
    },
    state,
    {
      onStep: async (_, next) => {
        onStep?.(
          group.map(({ fact }) => fact),
          numbersOf(next, DELTA),
          numbersOf(next, LOSS),
        );
        await model.yieldToEventLoop();
      },
    },
  );
}

function firstState(group: readonly StartedFact[], { facts }: ValueShape, width: number): TrainingState {
  const parameters = parametersFor(facts, width);
  const zeros = f32([facts, width], new Float32Array(facts * width));
  // Slots without a fact are done from the start.
  const ended = f32(
    [facts],
    Array.from({ length: facts }, (_, slot) => (slot < group.length ? 0 : -1)),
  );
  const memory = new Map<string, Tensor>([
    [ENDED, ended],
    [LOSS, f32([facts], new Float32Array(facts))],
  ]);
  return initialState(parameters, new Map([[DELTA, zeros]]), memory);
}

/** The state with these slots alone, in a graph of that shape. */
function movedState(state: TrainingState, slotsLeft: readonly number[], { facts }: ValueShape): TrainingState {
  const { parameter, m, v } = slots(DELTA);
  const width = state.tensors[DELTA]!.shape[1]!;
  const tensors: Record<string, Tensor> = {};
  for (const name of [parameter, m, v]) {
    const kept = rowsOf(state, name, slotsLeft);
    const data = new (kept.constructor as Float32ArrayConstructor)(facts * width);
    data.set(kept);
    tensors[name] = tensor("f32", [facts, width], data);
  }
  for (const name of [ENDED, LOSS]) {
    const old = numbersOf(state, name);
    tensors[name] = f32(
      [facts],
      Array.from({ length: facts }, (_, slot) => (slot < slotsLeft.length ? old[slotsLeft[slot]!]! : -1)),
    );
  }
  return { ...state, tensors };
}

const madeParameters = new Map<string, { name: string; shape: number[]; decay: boolean }[]>();

/** The same object for the same shape, so that the update's program is kept. */
function parametersFor(facts: number, width: number) {
  const key = `${facts} ${width}`;
  const made = madeParameters.get(key) ?? [{ name: DELTA, shape: [facts, width], decay: false }];
  madeParameters.set(key, made);
  return made;
}

const numbersOf = (state: TrainingState, name: string) => state.tensors[name]!.data as Float32Array;

function rowsOf(state: TrainingState, name: string, rows: readonly number[]): Float32Array {
  const { data, shape } = state.tensors[name] as Tensor<"f32">;
  const width = shape[1]!;
  const result = new (data.constructor as Float32ArrayConstructor)(rows.length * width);
  for (const [at, row] of rows.entries()) result.set(data.subarray(row * width, (row + 1) * width), at * width);
  return result;
}

export function lengthOf(vector: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i]! ** 2;
  return Math.sqrt(sum);
}
