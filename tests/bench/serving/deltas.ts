import { type RowDeltas, rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import {
  type CanonicalBottleneck,
  type CanonicalDelta,
  type CanonicalModule,
  NO_DELTA,
} from "../../../shared/delta/canonical.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { blockPaths, HEAD_PATH, linearModules } from "../../../shared/model/modules.ts";
import { createRandom } from "../../../shared/random.ts";
import { elementCount, f32, type Tensor } from "../../../shared/tensor.ts";

/** Deltas for the rows of a batch, in the shape that each method publishes, with small random values. */
export const LOADS = [
  "bare",
  "lora",
  "one lora",
  "dora",
  "ia3",
  "bitfit",
  "houlsby",
  "parallel",
  "prompt",
  "prefix",
  "lora head",
  "mixed",
] as const;
export type Load = (typeof LOADS)[number];

export const RANK = 8;
export const POSITIONS = 16;
const IA3 = /(k_proj|v_proj|up_proj)$/;
/** The methods that a mixed batch cycles through. */
const MIX: readonly Load[] = ["lora", "dora", "ia3", "bitfit", "houlsby", "prompt", "prefix", "bare"];

/** The deltas of `rows` rows: a different one for each, unless the load says otherwise. */
export function rowsOf(load: Load, config: ModelConfig, rows: number): RowDeltas[] {
  return Array.from({ length: rows }, (_, i) => {
    if (load === "mixed") return rowOf(MIX[i % MIX.length]!, `mixed ${i}`, config);
    return rowOf(load, load === "one lora" ? "one" : `${load} ${i}`, config);
  });
}

/** `distinct` different LoRA deltas, assigned to the rows in turn. */
export function sharedLoras(config: ModelConfig, rows: number, distinct: number): RowDeltas[] {
  const made = Array.from({ length: distinct }, (_, i) =>
    servingDelta(`shared ${i}`, canonical("lora", `${i}`, config)),
  );
  return Array.from({ length: rows }, (_, i) => rowDeltas([{ delta: made[i % distinct]!, weight: 1 }]));
}

function rowOf(load: Load, key: string, config: ModelConfig): RowDeltas {
  return load === "bare"
    ? rowDeltas([])
    : rowDeltas([{ delta: servingDelta(key, canonical(load, key, config)), weight: 1 }]);
}

function canonical(load: Load, key: string, config: ModelConfig): CanonicalDelta {
  const draw = (name: string, shape: readonly number[], around = 0): Tensor<"f32"> => {
    const random = createRandom(1, key, name);
    return f32(
      shape,
      Float32Array.from({ length: elementCount(shape) }, () => around + 0.01 * random.normal()),
    );
  };
  const D = config.hiddenSize;
  const module = (path: string, inSize: number, out: number): CanonicalModule => {
    const hasFactors = load === "lora" || load === "one lora" || load === "dora" || load === "lora head";
    return {
      ...(hasFactors ? { a: draw(`${path} A`, [inSize, RANK]), b: draw(`${path} B`, [RANK, out]) } : {}),
      ...(load === "dora" || (load === "ia3" && IA3.test(path)) ? { scale: draw(`${path} s`, [out], 1) } : {}),
      ...(load === "bitfit" ? { bias: draw(`${path} b`, [out]) } : {}),
    };
  };
  const linears = linearModules(config).map(({ path, in: inSize, out }) => [path, module(path, inSize, out)] as const);
  const head = load === "lora head" ? [[HEAD_PATH, module(HEAD_PATH, D, config.vocabSize)] as const] : [];
  const rows = (name: string) => draw(name, [POSITIONS, config.kvHeads * config.headDim]);
  return {
    ...NO_DELTA,
    linears: new Map([...linears, ...head]),
    bottlenecks: new Map(bottlenecksOf(load, config, draw)),
    ...(load === "prompt" ? { prompt: draw("prompt", [POSITIONS, D]) } : {}),
    ...(load === "prefix"
      ? { prefix: Array.from({ length: config.layers }, (_, i) => ({ key: rows(`k${i}`), value: rows(`v${i}`) })) }
      : {}),
  };
}

/** AdapterHub's defaults: `double_seq_bn` with a sixteenth of the width, `par_bn` with half. */
function bottlenecksOf(
  load: Load,
  config: ModelConfig,
  draw: (name: string, shape: readonly number[]) => Tensor<"f32">,
): (readonly [string, CanonicalBottleneck])[] {
  if (load !== "houlsby" && load !== "parallel") return [];
  const D = config.hiddenSize;
  const columns = D / (load === "houlsby" ? 16 : 2);
  const flags = (value: number) => f32([columns], new Float32Array(columns).fill(value));
  return blockPaths(config)
    .filter((path) => load === "houlsby" || path.endsWith("mlp"))
    .map((path) => {
      const matrices = { down: draw(`${path} down`, [D, columns]), up: draw(`${path} up`, [columns, D]) };
      const vectors = { downBias: draw(`${path} c`, [columns]), upBias: draw(`${path} u`, [D]) };
      const kind =
        load === "houlsby"
          ? { fromOutput: flags(1), fromStream: flags(0), silu: flags(1) }
          : { fromOutput: flags(0), fromStream: flags(1), silu: flags(0) };
      return [path, { ...matrices, ...vectors, ...kind }] as const;
    });
}
