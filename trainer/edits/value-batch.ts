import type { ModelConfig } from "../../shared/model/config.ts";
import { i64, type Tensor, tensor } from "../../shared/tensor.ts";
import type { NamedTensors } from "../engines/executor.ts";
import { countBucket, lengthBucket, slotsFor, tokensFor } from "./buckets.ts";
import type { EncodedFact } from "./encoded-fact.ts";
import { UNSEEN } from "./row-graph.ts";
import { ofSubject, pastNames, type ValueShape } from "./value-graph.ts";
import { emptyLike, type StartRow, type ValueStart } from "./value-start.ts";

/** A fact with what its value starts from. */
export interface StartedFact {
  readonly fact: EncodedFact;
  readonly start: ValueStart;
  /** `weight_decay` / ‖v0‖². */
  readonly decay: number;
  /** What δ is counted in. */
  readonly unit: number;
  /** The most ‖δ‖. */
  readonly limit: number;
}

/** The smallest shape that these facts fit. */
export function valueShape(facts: readonly StartedFact[]): ValueShape {
  const rows = facts.flatMap(({ start }) => start.contexts);
  const subjects = facts.map(({ start }) => start.subject);
  const most = (own: readonly StartRow[], size: (row: StartRow) => number) => Math.max(...own.map(size));
  const count = slotsFor(facts.length);
  const contexts = facts[0]!.start.contexts.length;
  const longest = lengthBucket(Math.max(...facts.map(({ fact }) => fact.target.length)));
  return {
    facts: count,
    contexts,
    // Attention over the past takes little, so few sizes of it are told apart; never none, since a tensor must have elements.
    past: Math.max(16, countBucket(most(rows, ({ before }) => before))),
    tokens: tokensFor(
      count,
      most(rows, ({ after }) => after),
    ),
    subject: Math.max(4, countBucket(most(subjects, ({ before }) => before))),
    picks: count * contexts * longest,
  };
}

interface BatchSize {
  readonly config: ModelConfig;
  readonly layer: number;
  readonly shape: ValueShape;
}

/** The feeds of `valueGraph` that stay the same from step to step: all but δ and `active`. Places without a fact are zeros. */
export function valueFeeds(facts: readonly StartedFact[], { config, layer, shape }: BatchSize): NamedTensors {
  const { vocabSize } = config;
  const { facts: count, contexts, tokens, past, subject, picks } = shape;
  const like = facts[0]!.start.base;
  const base = emptyLike(like, count * vocabSize);
  const decay = emptyLike(like, count);
  // Never 0, which would leave a gradient without a direction.
  const unit = emptyLike(like, count).fill(1);
  const targets = new Int32Array(picks);
  const ofFacts = new Int32Array(picks);
  const weights = emptyLike(like, picks);
  const places = new Int32Array(picks + count);
  let pick = 0;
  for (let slot = 0; slot < count; slot++) {
    places[picks + slot] = count * contexts * tokens + slot;
    const own = facts[slot];
    if (own === undefined) continue;
    const { target } = own.fact;
    for (const [i, { after }] of own.start.contexts.entries()) {
      for (const [at, id] of target.entries()) {
        // The last token of the row predicts the last one of the target.
        places[pick] = (slot * contexts + i) * tokens + after - target.length + at;
        targets[pick] = id;
        ofFacts[pick] = slot;
        weights[pick] = 1 / (contexts * target.length);
        pick += 1;
      }
    }
    base.set(own.start.base, slot * vocabSize);
    decay[slot] = own.decay;
    unit[slot] = own.unit;
  }
  const rowsOf = (of: (start: ValueStart) => readonly StartRow[], each: number) =>
    Array.from({ length: count * each }, (_, row) => {
      const own = facts[Math.floor(row / each)];
      return own === undefined ? NO_ROW : of(own.start)[row % each]!;
    });
  const sized = { like, config, layer };
  const subjects = rowFeeds(
    rowsOf(({ subject: alone }) => [alone], 1),
    { ...sized, tokens: 1, past: subject },
  );
  return {
    ...rowFeeds(
      rowsOf((start) => start.contexts, contexts),
      { ...sized, tokens, past },
    ),
    ...Object.fromEntries(Object.entries(subjects).map(([name, fed]) => [ofSubject(name), fed])),
    read: i64([picks + count], places),
    targets: i64([picks, 1], targets),
    pick_weights: tensor("f32", [picks, 1], weights),
    pick_facts: i64([picks], ofFacts),
    base: tensor("f32", [count, vocabSize], base),
    decay: tensor("f32", [count, 1], decay),
    unit: tensor("f32", [count, 1], unit),
  };
}

interface RowSize {
  /** An array of the kind that is fed. */
  readonly like: Float32Array;
  readonly config: ModelConfig;
  readonly layer: number;
  readonly tokens: number;
  readonly past: number;
}

/** What rows are computed from: their stream, their past and what each token sees. */
function rowFeeds(own: readonly StartRow[], { like, config, layer, tokens, past }: RowSize): NamedTensors {
  const { hiddenSize: width, kvHeads, headDim, layers } = config;
  const rows = own.length;
  const stream = emptyLike(like, rows * tokens * width);
  const positions = new Int32Array(rows * tokens);
  const bias = new Float32Array(rows * tokens * (past + tokens)).fill(UNSEEN);
  const names = Array.from({ length: layers - layer - 1 }, (_, i) => Object.values(pastNames(layer + 1 + i))).flat();
  const pasts = new Map(names.map((name) => [name, emptyLike(like, rows * kvHeads * past * headDim)]));
  for (const [row, { before, after, stream: states, past: behind }] of own.entries()) {
    stream.set(states, row * tokens * width);
    for (const [name, values] of behind) {
      for (let head = 0; head < kvHeads; head++) {
        const part = values.subarray(head * before * headDim, (head + 1) * before * headDim);
        pasts.get(name)!.set(part, (row * kvHeads + head) * past * headDim);
      }
    }
    for (let token = 0; token < tokens; token++) {
      positions[row * tokens + token] = token < after ? before + token : 0;
      const line = (row * tokens + token) * (past + tokens);
      bias.fill(0, line, line + before);
      bias.fill(0, line + past, line + past + token + 1);
    }
  }
  const f = (shape: readonly number[], data: Float32Array): Tensor => tensor("f32", shape, data);
  return {
    stream: f([rows, tokens, width], stream),
    positions: i64([rows, tokens], positions),
    bias: f([rows, 1, tokens, past + tokens], bias),
    ...Object.fromEntries([...pasts].map(([name, data]) => [name, f([rows, kvHeads, past, headDim], data)])),
  };
}

const NO_ROW: StartRow = { before: 0, after: 1, stream: new Float32Array(0), past: new Map() };
