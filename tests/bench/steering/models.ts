/** Deltas in the shapes that jobs publish, with small random values. */
import { type RowDeltas, rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { type CanonicalDelta, type CanonicalModule, NO_DELTA } from "../../../shared/delta/canonical.ts";
import type { Condition } from "../../../shared/delta/condition.ts";
import type { Scorer } from "../../../shared/delta/scorer.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { linearModules } from "../../../shared/model/modules.ts";
import { createRandom } from "../../../shared/random.ts";
import { elementCount, f32, type Tensor } from "../../../shared/tensor.ts";
import type { ModelName } from "./cases.ts";

const RANK = 8;
/** Of the values of next tokens, as jobs have it by default. */
const VALUE_RANK = 16;
const CLASSES = ["kind", "rude"];
const STEERED = "model.layers.3.mlp.down_proj";

export function deltasOf(name: ModelName, config: ModelConfig): RowDeltas {
  if (name === "base" || name === "tuned") return rowDeltas([]);
  const canonical = name === "vector" ? vector(config) : { ...NO_DELTA, linears: loraOf(name, config) };
  const scored: CanonicalDelta = name === "classifier" ? { ...canonical, scorer: scorerOf(config) } : canonical;
  return rowDeltas([{ delta: servingDelta(name, scored), weight: 1 }]);
}

function draw(name: string, shape: readonly number[]): Tensor<"f32"> {
  const random = createRandom(1, name);
  return f32(
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => 0.01 * random.normal()),
  );
}

function loraOf(name: string, config: ModelConfig): ReadonlyMap<string, CanonicalModule> {
  return new Map(
    linearModules(config).map(({ path, in: inSize, out }) => [
      path,
      { a: draw(`${name} ${path} A`, [inSize, RANK]), b: draw(`${name} ${path} B`, [RANK, out]) },
    ]),
  );
}

function vector({ hiddenSize }: ModelConfig): CanonicalDelta {
  return { ...NO_DELTA, linears: new Map([[STEERED, { bias: draw("vector", [hiddenSize]) }]]) };
}

export function scorerOf({ hiddenSize, vocabSize }: ModelConfig): Scorer {
  const classes = CLASSES.length;
  return {
    weight: draw("W", [hiddenSize, classes]),
    bias: draw("b", [classes]),
    tokens: { a: draw("A", [hiddenSize, classes * VALUE_RANK]), t: draw("T", [vocabSize, VALUE_RANK]) },
    about: {
      labels: CLASSES,
      lead: [5, 6, 7],
      temperatures: { lookahead: 1, class_rows: 1, token_values: 1 },
      class_rows: { control: [[11], [12]], scale: 1, bias: [0, 0] },
    },
  };
}

/** Every prompt meets it. */
export function anyPrompt({ hiddenSize }: ModelConfig): Condition {
  const direction = Array.from({ length: hiddenSize }, (_, i) => (i === 0 ? 1 : 0));
  return { layer: 2, position: "mean", vector: direction, threshold: -1, comparator: "above" };
}
