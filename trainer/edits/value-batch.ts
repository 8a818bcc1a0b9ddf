import type { ModelConfig } from "../../shared/model/config.ts";
import { i64, type Tensor, tensor } from "../../shared/tensor.ts";
import type { NamedTensors } from "../engines/executor.ts";
import { countBucket, lengthBucket } from "./buckets.ts";
import type { EncodedFact } from "./encoded-fact.ts";
import { UNSEEN } from "./row-graph.ts";
import { pastNames, type ValueShape } from "./value-graph.ts";
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
  const rows = facts.flatMap(({ start }) => start.rows);
  const most = (size: (row: StartRow) => number) => Math.max(...rows.map(size));
  const [first] = facts;
  const count = countBucket(facts.length);
  const contexts = first!.start.rows.length - 1;
  const longest = lengthBucket(Math.max(...facts.map(({ fact }) => fact.target.length)));
  return {
    facts: count,
    rows: contexts + 1,
    // Never empty, since a tensor must have elements.
    past: Math.max(1, lengthBucket(most(({ before }) => before))),
    tokens: lengthBucket(most(({ after }) => after)),
    picks: count * contexts * longest,
  };
}

/** The feeds of `valueGraph` that stay the same from step to step: all but δ and `active`. Places without a fact are zeros. */
export function valueFeeds(
  facts: readonly StartedFact[],
  { config, layer, shape }: { readonly config: ModelConfig; readonly layer: number; readonly shape: ValueShape },
): NamedTensors {
  const { hiddenSize: width, kvHeads, headDim, vocabSize, layers } = config;
  const { facts: count, rows: rowsOfFact, past, tokens, picks } = shape;
  const rows = count * rowsOfFact;
  const like = facts[0]!.start.base;
  const stream = emptyLike(like, rows * tokens * width);
  const positions = new Int32Array(rows * tokens);
  const bias = new Float32Array(rows * tokens * (past + tokens)).fill(UNSEEN);
  const names = Array.from({ length: layers - layer - 1 }, (_, i) => Object.values(pastNames(layer + 1 + i))).flat();
  const pasts = new Map(names.map((name) => [name, emptyLike(like, rows * kvHeads * past * headDim)]));
  const base = emptyLike(like, count * vocabSize);
  const decay = emptyLike(like, count);
  // Never 0, which would leave a gradient without a direction.
  const unit = emptyLike(like, count).fill(1);
  const alone = new Int32Array(count);
  const picked = { places: new Int32Array(picks), targets: new Int32Array(picks), facts: new Int32Array(picks) };
  const weights = emptyLike(like, picks);
  let pick = 0;

  for (let slot = 0; slot < count; slot++) {
    const own = facts[slot];
    alone[slot] = (slot * rowsOfFact + rowsOfFact - 1) * tokens;
    for (let i = 0; i < rowsOfFact; i++) {
      const row = slot * rowsOfFact + i;
      const { before, after, stream: states, past: own_past } = own?.start.rows[i] ?? NO_ROW;
      stream.set(states, row * tokens * width);
      for (const [name, values] of own_past) {
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
      if (own === undefined || i === rowsOfFact - 1) continue;
      const { target } = own.fact;
      for (const [at, id] of target.entries()) {
        // The last token of the row predicts the last one of the target.
        picked.places[pick] = row * tokens + after - target.length + at;
        picked.targets[pick] = id;
        picked.facts[pick] = slot;
        weights[pick] = 1 / ((rowsOfFact - 1) * target.length);
        pick += 1;
      }
    }
    if (own === undefined) continue;
    base.set(own.start.base, slot * vocabSize);
    decay[slot] = own.decay;
    unit[slot] = own.unit;
  }
  const f = (shape: readonly number[], data: Float32Array): Tensor => tensor("f32", shape, data);
  return {
    stream: f([rows, tokens, width], stream),
    positions: i64([rows, tokens], positions),
    bias: f([rows, 1, tokens, past + tokens], bias),
    ...Object.fromEntries([...pasts].map(([name, data]) => [name, f([rows, kvHeads, past, headDim], data)])),
    picks: i64([picks], picked.places),
    targets: i64([picks, 1], picked.targets),
    pick_weights: f([picks, 1], weights),
    pick_facts: i64([picks], picked.facts),
    alone: i64([count], alone),
    base: f([count, vocabSize], base),
    decay: f([count, 1], decay),
    unit: f([count, 1], unit),
  };
}

const NO_ROW: StartRow = { before: 0, after: 1, stream: new Float32Array(0), past: new Map() };
