import { describe, expect, it } from "vitest";
import { type CanonicalBottleneck, type CanonicalDelta, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { canonicalRewrite } from "../../../shared/delta/canonical-rewrite.ts";
import { sumDeltas } from "../../../shared/delta/sum.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { decodeGraph } from "../../../shared/model/decode-graph.ts";
import { blockPaths, linearModules } from "../../../shared/model/modules.ts";
import {
  bottleneckNames,
  factorNames,
  GAINS,
  NO_FEATURES,
  type ServingFeatures,
  vectorNames,
} from "../../../shared/model/serving-rewrite.ts";
import { trainingForward } from "../../../shared/model/training-forward.ts";
import { transposed } from "../../../shared/model/weights.ts";
import { createRandom } from "../../../shared/random.ts";
import { elementCount, f32, i64, type Tensor, tensor, zeros } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { openDecoder } from "./decode-session.ts";
import { goldenModel, largestDifference } from "./golden-models.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const model = await goldenModel("qwen2");
const { config, weights } = model;
const IDS = [15, 4, 25, 86, 7];
const CAPACITY = 16;
const RANK = 2;
const COLUMNS = 3;

function draw(name: string, shape: readonly number[], around = 0): Tensor<"f32"> {
  const random = createRandom(9, name);
  return f32(
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => around + 0.2 * random.normal()),
  );
}

/** Every part that a layer or a block can have; biases lie on layers of the base with and without one. */
function randomDelta(key: string): CanonicalDelta {
  const linears = linearModules(config).map(({ path, in: inSize, out }) => {
    const name = `${key} ${path}`;
    const factors = { a: draw(`${name} A`, [inSize, RANK]), b: draw(`${name} B`, [RANK, out]) };
    return [path, { ...factors, scale: draw(`${name} s`, [out], 1), bias: draw(`${name} b`, [out]) }] as const;
  });
  const D = config.hiddenSize;
  const bottlenecks = blockPaths(config).map((path): readonly [string, CanonicalBottleneck] => {
    const name = `${key} ${path}`;
    return [
      path,
      {
        down: draw(`${name} down`, [D, COLUMNS]),
        downBias: draw(`${name} c`, [COLUMNS]),
        up: draw(`${name} up`, [COLUMNS, D]),
        upBias: draw(`${name} u`, [D]),
        fromOutput: f32([COLUMNS], [1, 0, 1]),
        fromStream: f32([COLUMNS], [0, 1, 1]),
        silu: f32([COLUMNS], [0, 1, 1]),
      },
    ];
  });
  return { ...NO_DELTA, linears: new Map(linears), bottlenecks: new Map(bottlenecks) };
}

/** The logits [V] after all tokens, by the training graph. */
async function oracle(delta: CanonicalDelta): Promise<Float32Array> {
  const shape = [1, IDS.length];
  const b = new GraphBuilder("oracle");
  const { logits } = trainingForward(
    b,
    config,
    { rows: 1, tokens: IDS.length },
    { rewrite: (positions) => canonicalRewrite(b, config, delta, positions) },
  );
  const program = await executor.compile(b.build({ logits }), { bindings: weights });
  const result = await program.run({
    tokens: i64(shape, IDS),
    positions: i64(shape, [...IDS.keys()]),
    segments: tensor("i32", shape, new Int32Array(IDS.length)),
  });
  await program.dispose();
  return (result.logits!.data as Float32Array).slice(-config.vocabSize);
}

type Inputs = Record<string, Tensor<"f32">>;
const stacked = (parts: readonly Tensor<"f32">[], shape: readonly number[]) =>
  f32(
    shape,
    parts.flatMap(({ data }) => [...data]),
  );

/** One value of each row for an input of shape [rows, 1, width]. */
function vectorInputs(rows: readonly CanonicalDelta[]): Inputs {
  const inputs: Inputs = {};
  for (const { path, out } of linearModules(config)) {
    const { scale, bias } = vectorNames(path);
    const of = (part: "scale" | "bias", otherwise: number) =>
      stacked(
        rows.map((row) => row.linears.get(path)?.[part] ?? f32([out], new Float32Array(out).fill(otherwise))),
        [rows.length, 1, out],
      );
    inputs[scale] = of("scale", 1);
    inputs[bias] = of("bias", 0);
  }
  for (const path of blockPaths(config)) {
    const biases = rows.map((row) => row.bottlenecks.get(path)?.upBias ?? zeros([config.hiddenSize]));
    inputs[bottleneckNames(path).upBias] = stacked(biases, [rows.length, 1, config.hiddenSize]);
  }
  return inputs;
}

/**
 * The columns of the deltas along the first axis; `leading` is what stands before it where columns are rows' own, and where
 * a column is one number.
 */
function columnInputs(deltas: readonly CanonicalDelta[], layout: ServingFeatures["layout"]): Inputs {
  const inputs: Inputs = {};
  const put = (name: string, width: number, parts: readonly Tensor<"f32">[], columns: number) => {
    const count = parts.length;
    if (width > 1) {
      const shape = layout === "rows" ? [count, columns, width] : [count * columns, width];
      inputs[name] = stacked(parts, shape);
    } else inputs[name] = stacked(parts, layout === "rows" ? [count, 1, columns] : [1, 1, count * columns]);
  };
  for (const { path, in: inSize, out } of linearModules(config)) {
    const modules = deltas.map(({ linears }) => linears.get(path)!);
    const { a, b } = factorNames(path);
    put(
      a,
      inSize,
      modules.map((module) => transposed(module.a!)),
      RANK,
    );
    put(
      b,
      out,
      modules.map((module) => module.b!),
      RANK,
    );
  }
  for (const path of blockPaths(config)) {
    const names = bottleneckNames(path);
    const parts = deltas.map(({ bottlenecks }) => bottlenecks.get(path)!);
    put(
      names.down,
      config.hiddenSize,
      parts.map(({ down }) => transposed(down)),
      COLUMNS,
    );
    put(
      names.up,
      config.hiddenSize,
      parts.map(({ up }) => up),
      COLUMNS,
    );
    for (const part of ["downBias", "fromOutput", "fromStream", "silu"] as const) {
      put(
        names[part],
        1,
        parts.map((each) => each[part]),
        COLUMNS,
      );
    }
  }
  return inputs;
}

async function decoded(features: ServingFeatures, rows: number, extra: Inputs): Promise<Float32Array[]> {
  const decoder = await openDecoder(model, { rows, capacity: CAPACITY, features, extra });
  const every = (ids: number[]) => Array.from({ length: rows }, () => ids);
  await decoder.feed(every(IDS.slice(0, 3)));
  await decoder.feed(every(IDS.slice(3, 4)));
  const { logits } = await decoder.feed(every(IDS.slice(4)));
  await decoder.dispose();
  return every([]).map((_, row) => logits.slice(row * config.vocabSize, (row + 1) * config.vocabSize));
}

const ALL = { factors: true, vectors: true, bottlenecks: "any" } as const;
const [first, second] = [randomDelta("first"), randomDelta("second")];

describe("servingRewrite", { timeout: 30_000 }, () => {
  it("takes columns that all rows share and gains that pick a row's own", async () => {
    const weightsOf = [
      [0, 0],
      [1, 0],
      [0.5, -1.5],
    ] as const;
    const sums = weightsOf.map((pair) =>
      sumDeltas([first, second].flatMap((delta, i) => (pair[i] === 0 ? [] : [{ delta, weight: pair[i]! }]))),
    );
    const gains = (columns: number) =>
      f32(
        [3, 1, 2 * columns],
        weightsOf.flatMap((pair) => pair.flatMap((weight) => new Array<number>(columns).fill(weight))),
      );
    const got = await decoded({ layout: "bank", ...ALL }, 3, {
      ...columnInputs([first, second], "bank"),
      ...vectorInputs(sums),
      [GAINS.factors]: gains(RANK),
      [GAINS.bottlenecks]: gains(COLUMNS),
    });
    const expected = await Promise.all(sums.map(oracle));
    for (const [row, logits] of got.entries()) expect(largestDifference(logits, expected[row]!)).toBeLessThan(2e-5);
    expect(largestDifference(expected[0]!, expected[1]!)).toBeGreaterThan(0.01);
    expect(largestDifference(expected[1]!, expected[2]!)).toBeGreaterThan(0.01);
  });

  it("takes columns of each row's own", async () => {
    const got = await decoded({ layout: "rows", ...ALL }, 2, {
      ...columnInputs([first, second], "rows"),
      ...vectorInputs([first, second]),
    });
    for (const [row, delta] of [first, second].entries()) {
      expect(largestDifference(got[row]!, await oracle(delta))).toBeLessThan(2e-5);
    }
  });

  it.each<[name: string, features: Partial<ServingFeatures>]>([
    ["factors alone", { factors: true }],
    ["vectors alone", { vectors: true }],
    ["bottlenecks of the block's result", { bottlenecks: "output" }],
    ["bottlenecks of the stream", { bottlenecks: "stream" }],
    ["bottlenecks of both kinds", { bottlenecks: "any" }],
  ])("takes no more than it needs: %s", async (_, wanted) => {
    const features: ServingFeatures = { ...NO_FEATURES, layout: "rows", ...wanted };
    const { bottlenecks: intake } = features;
    const flag = (on: boolean) => f32([COLUMNS], new Float32Array(COLUMNS).fill(on ? 1 : 0));
    const one = { fromOutput: flag(intake === "output"), fromStream: flag(intake === "stream") };
    const bottlenecks = [...first.bottlenecks].map(([path, bottleneck]) => {
      return [path, { ...bottleneck, ...(intake === "any" ? {} : one) }] as const;
    });
    const all: CanonicalDelta = { ...first, bottlenecks: new Map(bottlenecks) };
    const linears = [...first.linears].map(([path, { a, b, scale, bias }]) => {
      return [
        path,
        features.factors ? { a: a!, b: b! } : features.vectors ? { scale: scale!, bias: bias! } : {},
      ] as const;
    });
    const delta = {
      ...NO_DELTA,
      linears: new Map(linears),
      bottlenecks: intake === "none" ? new Map() : all.bottlenecks,
    };
    const { inputs } = decodeGraph(config, { capacity: CAPACITY, features });
    const taken = new Set(inputs.map(({ name }) => name));
    const given = Object.entries({ ...columnInputs([all], "rows"), ...vectorInputs([all]) });
    const extra = Object.fromEntries(given.filter(([name]) => taken.has(name)));
    const perLayer = { none: 0, output: 2 * 5, stream: 2 * 5, any: 2 * 7 }[intake];
    expect(Object.keys(extra)).toHaveLength(config.layers * (features.factors || features.vectors ? 14 : perLayer));
    const [got] = await decoded(features, 1, extra);
    expect(largestDifference(got!, await oracle(delta))).toBeLessThan(2e-5);
  });

  it("keeps what a switched-off delta makes of a row out of it, even where it overflows", async () => {
    const huge = columnInputs([first], "bank");
    for (const [name, { data }] of Object.entries(huge)) {
      const isFlag = /from_output|from_stream|silu/.test(name);
      if (!isFlag) data.fill(3e38);
    }
    for (const kind of ["factors", "bottlenecks"] as const) {
      const columns = kind === "factors" ? RANK : COLUMNS;
      const used = Object.fromEntries(
        Object.entries(huge).filter(([name]) => /\.[AB]$/.test(name) === (kind === "factors")),
      );
      const gains = f32(
        [2, 1, columns],
        [...new Array<number>(columns).fill(0), ...new Array<number>(columns).fill(1)],
      );
      const upBias = Object.fromEntries(
        blockPaths(config).map((path) => [bottleneckNames(path).upBias, zeros([2, 1, config.hiddenSize])]),
      );
      const wanted = kind === "factors" ? { factors: true } : { bottlenecks: "any" as const };
      const features: ServingFeatures = { ...NO_FEATURES, ...wanted };
      const [off, on] = await decoded(features, 2, {
        ...used,
        [GAINS[kind]]: gains,
        ...(kind === "bottlenecks" ? upBias : {}),
      });
      expect(largestDifference(off!, await oracle(NO_DELTA))).toBeLessThan(1e-5);
      expect(on!.every(Number.isFinite)).toBe(false);
    }
  });
});
