import { weightSpecs } from "../../../../shared/model/modules.ts";
import { transposed } from "../../../../shared/model/weights.ts";
import { elementCount, f32, type Tensor, zeros } from "../../../../shared/tensor.ts";
import { stepBatches } from "../../../../trainer/data/batches.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { feedsFor } from "../../../../trainer/recipes/causal-graphs.ts";
import { fisherGraph, squaredName } from "../../../../trainer/recipes/keeping/base-fisher.ts";
import { goldenBase, readGoldenJson } from "../../golden-llama.ts";

interface FactorPair {
  readonly a: readonly number[];
  readonly b: readonly number[];
}

export interface GoldenEwc {
  readonly texts: readonly (readonly number[])[];
  readonly tokens: number;
  readonly fisherSums: Readonly<Record<string, number>>;
  readonly fisher: Readonly<Record<string, readonly number[]>>;
  readonly lambda: number;
  readonly full: {
    readonly penalty: number;
    readonly gradientNorms: Readonly<Record<string, number>>;
    readonly gradients: Readonly<Record<string, readonly number[]>>;
  };
  readonly lora: {
    readonly scale: number;
    readonly rank: number;
    readonly penalty: number;
    readonly factors: Readonly<Record<string, FactorPair>>;
    readonly gradients: Readonly<Record<string, FactorPair>>;
  };
}

export const goldenEwc = () => readGoldenJson<GoldenEwc>("keeping/ewc.json");

const { config, weights } = goldenBase();

/** A weight's numbers of the golden, in the layout of graphs. */
export function inGraph(name: string, data: readonly number[]): Tensor {
  const { shape, transposed: flipped } = weightSpecs(config).find((spec) => spec.name === name)!;
  return flipped ? transposed(f32([...shape].reverse(), data)) : f32(shape, data);
}

let made: Promise<{ diagonal: Map<string, Tensor<"f32">>; tokens: number }> | undefined;

/** The Fisher information of the golden's texts, by the graph that jobs use. */
export function fisherOfGolden() {
  made ??= compute();
  return made;
}

async function compute() {
  const tokens = 12;
  const graph = fisherGraph(config, tokens);
  const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(graph, { bindings: weights });
  const specs = weightSpecs(config);
  let sums: Record<string, Tensor> = Object.fromEntries(
    specs.map(({ name, shape }) => [squaredName(name), zeros(shape)]),
  );
  let count = 0;
  for (const text of goldenEwc().texts) {
    const ids = Int32Array.from(text);
    const rows = { shape: { rows: 1, tokens }, packing: false, padId: 0 };
    const [batch] = stepBatches([[{ examples: [{ ids, labels: ids }] }]], rows);
    sums = await program.run({ ...feedsFor(graph, { ...batch!.feeds, total: f32([], [1]) }), ...sums });
    count += batch!.trainedTokens;
  }
  await program.dispose();
  const diagonal = specs.map(({ name, shape }) => {
    const data = (sums[squaredName(name)]!.data as Float32Array).map((value) => value / count);
    if (data.length !== elementCount(shape)) throw new Error(`${name} has another shape`);
    return [name, f32(shape, data)] as const;
  });
  return { diagonal: new Map(diagonal), tokens: count };
}
