import { describe, expect, it } from "vitest";
import { printGraph } from "../../../shared/graph/print.ts";
import { verify } from "../../../shared/graph/verify.ts";
import {
  cacheNames,
  cacheWidth,
  type DecodeGraphOptions,
  decodeGraph,
  factorNames,
} from "../../../shared/model/decode-graph.ts";
import { linearModules, weightName } from "../../../shared/model/modules.ts";
import type { Weights } from "../../../shared/model/weights.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, i64, type Tensor, tensor, zeros } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { GOLDEN_MODELS, goldenModel, goldenOutputs, largestDifference } from "./golden-models.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const CAPACITY = 16;
const { config, weights } = await goldenModel("plain");

interface Session {
  /** Feeds the next tokens of every row, `ids` [rows][new]; gives the logits [rows, V] of the last ones. */
  readonly feed: (ids: readonly (readonly number[])[]) => Promise<Float32Array>;
  readonly dispose: () => Promise<void>;
}

async function open(
  model: { config: typeof config; weights: Weights },
  deltas: DecodeGraphOptions["deltas"],
  extra: Readonly<Record<string, Tensor>> = {},
  rows = 1,
): Promise<Session> {
  const { kvHeads, layers } = model.config;
  const graph = decodeGraph(model.config, { capacity: CAPACITY, deltas });
  const program = await executor.compile(graph, { bindings: model.weights });
  const names = Array.from({ length: layers }, (_, layer) => cacheNames(layer));
  const empty = zeros([rows, kvHeads, CAPACITY, cacheWidth(model.config)]);
  let past: Record<string, Tensor> = Object.fromEntries(
    names.flatMap(({ key, value }) => [
      [key, empty],
      [value, empty],
    ]),
  );
  let length = 0;
  return {
    feed: async (ids) => {
      length += ids[0]!.length;
      const { logits, ...present } = await program.run({
        tokens: i64([rows, ids[0]!.length], ids.flat()),
        last: tensor("i32", [rows], new Int32Array(rows).fill(length - 1)),
        longest: tensor("i32", [], Int32Array.of(length)),
        ...past,
        ...extra,
      });
      past = Object.fromEntries(
        names.flatMap(({ key, value, nextKey, nextValue }) => [
          [key, present[nextKey]!],
          [value, present[nextValue]!],
        ]),
      );
      return logits!.data as Float32Array;
    },
    dispose: () => program.dispose(),
  };
}

/** Factors of rank `rank` on the layers that `has` names, zeros elsewhere, under the names of the graph. */
function factors(rank: number, has: (path: string) => boolean): Record<string, Tensor<"f32">> {
  return Object.fromEntries(
    linearModules(config).flatMap((module) => {
      const random = createRandom(3, module.path);
      const draw = (size: number) =>
        Float32Array.from({ length: rank * size }, () => (has(module.path) ? 0.2 * random.normal() : 0));
      const { a, b } = factorNames(module.path);
      return [
        [a, f32([rank, module.in], draw(module.in))],
        [b, f32([rank, module.out], draw(module.out))],
      ];
    }),
  );
}

/** W + Aᵀ diag(gains) B. */
function merged(bank: Readonly<Record<string, Tensor<"f32">>>, gains: readonly number[]): Weights {
  return new Map([
    ...weights,
    ...linearModules(config).map((module) => {
      const names = factorNames(module.path);
      const [a, b] = [bank[names.a]!.data, bank[names.b]!.data];
      const { shape, data } = weights.get(weightName(module.path))!;
      const sum = data.map((w, at) => {
        const [i, o] = [Math.floor(at / module.out), at % module.out];
        return gains.reduce((total, gain, r) => total + gain * a[r * module.in + i]! * b[r * module.out + o]!, w);
      });
      return [weightName(module.path), f32(shape, sum)] as const;
    }),
  ]);
}

describe("cacheWidth", () => {
  it("is the head's own width where the kernels take it, and the next multiple of 16 elsewhere", () => {
    const widths = [2, 8, 12, 20, 24, 64, 100].map((headDim) => cacheWidth({ ...config, headDim }));
    expect(widths).toEqual([16, 8, 16, 32, 24, 64, 112]);
  });
});

describe("decodeGraph", { timeout: 30_000 }, () => {
  it.each(["none", "bank"] as const)("verifies, and prints as the graph of a small model: %s", async (deltas) => {
    const graph = decodeGraph({ ...config, layers: 1 }, { capacity: CAPACITY, deltas });
    verify(graph);
    await expect(printGraph(graph)).toMatchFileSnapshot(`decode-${deltas}.graph.txt`);
  });

  it.each(GOLDEN_MODELS)(
    "gives transformers' logits token by token, after any first chunk: %s",
    async (name) => {
      const model = await goldenModel(name);
      const { inputIds, logits } = goldenOutputs(name);
      const [rows, tokens] = inputIds.shape;
      const ids = (row: number, from: number, to: number) =>
        inputIds.data.slice(row * tokens + from, row * tokens + to);
      for (const chunk of [1, 6]) {
        const session = await open(model, "none", {}, rows);
        for (let start = 0; start < tokens; start += start === 0 ? chunk : 1) {
          const end = start + (start === 0 ? chunk : 1);
          const got = await session.feed([ids(0, start, end), ids(1, start, end)]);
          const expected = [0, 1].flatMap((row) => {
            const at = (row * tokens + end - 1) * model.config.vocabSize;
            return logits.data.slice(at, at + model.config.vocabSize);
          });
          expect(largestDifference(got, expected)).toBeLessThan(1e-4);
        }
        await session.dispose();
      }
    },
    30_000,
  );

  it("applies to each row the ranks that its gains pick, as if they were merged", async () => {
    const bank = factors(3, (path) => path.includes("mlp") || path.endsWith("q_proj"));
    const gains = [
      [0, 0, 0],
      [1, 0, 0],
      [0, -0.5, 2],
    ];
    const ids = [15, 4, 25, 86, 7];
    const session = await open({ config, weights }, "bank", { ...bank, gains: f32([3, 1, 3], gains.flat()) }, 3);
    await session.feed(gains.map(() => ids.slice(0, 4)));
    const together = await session.feed(gains.map(() => ids.slice(4)));
    await session.dispose();
    const alone: Float32Array[] = [];
    for (const row of gains) {
      const plain = await open({ config, weights: merged(bank, row) }, "none");
      alone.push(await plain.feed([ids]));
      await plain.dispose();
    }
    for (const [row, expected] of alone.entries()) {
      const got = together.slice(row * config.vocabSize, (row + 1) * config.vocabSize);
      expect(largestDifference(got, expected)).toBeLessThan(1e-4);
    }
    expect(largestDifference(alone[0]!, alone[1]!)).toBeGreaterThan(0.01);
    expect(largestDifference(alone[1]!, alone[2]!)).toBeGreaterThan(0.01);
  });

  it("keeps what a switched-off delta makes of a row out of it, even where it overflows", async () => {
    const bank = factors(1, () => true);
    for (const tensor of Object.values(bank)) tensor.data.fill(3e38);
    const gains = f32([2, 1, 1], [0, 1]);
    const session = await open({ config, weights }, "bank", { ...bank, gains }, 2);
    const got = await session.feed([
      [15, 4],
      [15, 4],
    ]);
    await session.dispose();
    const plain = await open({ config, weights }, "none");
    const expected = await plain.feed([[15, 4]]);
    await plain.dispose();
    expect(largestDifference(got.slice(0, config.vocabSize), expected)).toBeLessThan(1e-5);
    expect(got.slice(config.vocabSize).every(Number.isFinite)).toBe(false);
  });
});
