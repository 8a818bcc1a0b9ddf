import { describe, expect, it } from "vitest";
import { dequantiseScales, quantiseScales } from "../../../shared/formats/double-quantisation.ts";
import { DYNAMIC_BLOCK } from "../../../shared/formats/dynamic-quantisation.ts";
import { dequantiseNf4, NF4_BLOCK, quantiseNf4 } from "../../../shared/formats/nf4.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { NodeOf } from "../../../shared/graph/graph.ts";
import { Encoder } from "../../../shared/graph/onnx-encoder.ts";
import type { OnnxNode } from "../../../shared/graph/onnx-model.ts";
import { encodeMatmulNf4 } from "../../../shared/graph/onnx-nf4.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, type Tensor, tensor } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";

const executor = createOnnxRuntimeExecutor({ threads: 2 });
const random = createRandom(1, "onnx-nf4");
const normal = (count: number) => Float32Array.from({ length: count }, () => random.normal());

/** A matrix in the graph's form, with its dequantised values. */
function quantised(count: number, double: boolean): { held: Tensor[]; values: Float32Array } {
  const { packed, absmax } = quantiseNf4(normal(count));
  const bytes = tensor("u8", [packed.length], packed);
  if (!double) {
    return { held: [bytes, f32([absmax.length], absmax)], values: dequantiseNf4({ packed, absmax }, count) };
  }
  const scales = quantiseScales(absmax);
  const groups = scales.absmax.length;
  const codes = new Uint8Array(groups * DYNAMIC_BLOCK);
  codes.set(scales.codes);
  return {
    held: [
      bytes,
      tensor("u8", [groups, DYNAMIC_BLOCK], codes),
      f32([groups, 1], scales.absmax),
      f32([], [scales.offset]),
    ],
    values: dequantiseNf4({ packed, absmax: dequantiseScales(scales) }, count),
  };
}

// Parts with a short one at the end; parts that must end on a block boundary.
describe.each([
  [1300, 2048],
  [1500, 1500],
])("a matrix [%i, %i]", (rows, columns) => {
  it.each([
    ["x Bᵀ", true, false],
    ["x Bᵀ, doubly quantised", true, true],
    ["x B", false, false],
    ["x B, doubly quantised", false, true],
  ])("that is restored in parts gives %s", async (_, transB, double) => {
    const { held, values } = quantised(rows * columns, double);
    const [inner, outer] = transB ? [columns, rows] : [rows, columns];
    const x = normal(2 * inner);
    const b = new GraphBuilder("product");
    const inputs = held.map(({ dtype, shape }, i) => b.input(`matrix${i}`, dtype, shape));
    const y = b.matmulNf4(b.input("x", "f32", [1, 2, inner]), inputs, { rows, columns, transB });
    const program = await executor.compile(b.build({ y }));
    const result = await program.run({
      x: f32([1, 2, inner], x),
      ...Object.fromEntries(held.map((one, i) => [`matrix${i}`, one])),
    });
    await program.dispose();
    expect(result.y!.shape).toEqual([1, 2, outer]);
    const expected = new Float64Array(2 * outer);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const value = values[row * columns + column]!;
        const [k, out] = transB ? [column, row] : [row, column];
        for (let i = 0; i < 2; i++) expected[i * outer + out]! += x[i * inner + k]! * value;
      }
    }
    const actual = result.y!.data as Float32Array;
    // Sums of that many products of values around 1 are off by a few roundings.
    const size = Math.sqrt(inner);
    const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - actual[i]!)), 0);
    expect(worst / size).toBeLessThan(4e-6);
  });
});

/** Everything that onnxruntime must compute before `name`, including it. */
function madeBefore(name: string, nodes: readonly OnnxNode[]): Set<string> {
  const node = nodes.find(({ outputs }) => outputs.includes(name));
  return new Set([name, ...(node?.inputs ?? []).flatMap((input) => [...madeBefore(input, nodes)])]);
}

it.each([
  ["x Bᵀ", true, false],
  ["x Bᵀ, doubly quantised", true, true],
  ["x B", false, false],
  ["x B, doubly quantised", false, true],
])("makes nothing of the matrix before x is there: %s", (_, transB, double) => {
  const [rows, columns] = [1300, 2048];
  const { held } = quantised(rows * columns, double);
  const b = new GraphBuilder("order");
  const inputs = held.map(({ dtype, shape }, i) => b.input(`matrix${i}`, dtype, shape));
  const x = b.input("x", "f32", [2, transB ? columns : rows]);
  const { nodes } = b.build({ y: b.matmulNf4(x, inputs, { rows, columns, transB }) });
  const encoder = new Encoder();
  encoder.names.set(x, "x");
  encodeMatmulNf4(nodes[0] as NodeOf<"matmulNf4">, encoder);
  for (const { type, outputs } of encoder.nodes) {
    expect(madeBefore(outputs[0]!, encoder.nodes), type).toContain("x");
  }
  const restored = encoder.nodes.filter(({ type }) => type === "MatMulBnb4").map(({ outputs }) => outputs[0]!);
  expect(restored).toHaveLength(3);
  if (transB) return;
  // One part at a time.
  for (const [i, earlier] of restored.slice(0, -1).entries()) {
    expect(madeBefore(restored[i + 1]!, encoder.nodes)).toContain(earlier);
  }
});

it("multiplies any values of x by a bound matrix", async () => {
  const { held } = quantised(NF4_BLOCK, false);
  const b = new GraphBuilder("late");
  const inputs = held.map(({ dtype, shape }, i) => b.input(`matrix${i}`, dtype, shape));
  const y = b.matmulNf4(b.input("x", "f32", [1, 8]), inputs, { rows: 8, columns: 8, transB: false });
  const program = await executor.compile(b.build({ y }), {
    bindings: new Map(held.map((one, i) => [`matrix${i}`, one])),
  });
  // A NaN spoils its own product and nothing after it.
  const spoilt = await program.run({ x: f32([1, 8], [Number.NaN, 0, 0, 0, 0, 0, 0, 0]) });
  expect([...(spoilt.y!.data as Float32Array)].every(Number.isNaN)).toBe(true);
  const zeros = await program.run({ x: f32([1, 8], new Float32Array(8)) });
  expect([...(zeros.y!.data as Float32Array)].every((value) => value === 0)).toBe(true);
  await program.dispose();
});
