import { describe, expect, it } from "vitest";
import { gradient } from "../../../../shared/autodiff/gradient.ts";
import { GraphBuilder } from "../../../../shared/graph/builder.ts";
import { columnNorms, columnSquares, outputScales, rootsOf } from "../../../../shared/peft/dora/norms.ts";
import { createRandom } from "../../../../shared/random.ts";
import { f32, type Tensor } from "../../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";

const random = createRandom(1, "norms");
const draw = (...shape: number[]) =>
  f32(
    shape,
    Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => random.normal()),
  );
const [IN, OUT, RANK] = [7, 5, 3];
const [weight, a, b, magnitude] = [draw(IN, OUT), draw(IN, RANK), draw(RANK, OUT), draw(OUT)];
const scale = 1.75;

/** ‖W + sAB‖ of column j, written out. */
function norm(j: number, w: Tensor<"f32"> = weight, right: Tensor<"f32"> = b): number {
  const column = Array.from({ length: IN }, (_, i) => {
    const product = [0, 1, 2].reduce((sum, k) => sum + a.data[i * RANK + k]! * right.data[k * OUT + j]!, 0);
    return w.data[i * OUT + j]! + scale * product;
  });
  return Math.hypot(...column);
}

async function normsInGraph(w: Tensor<"f32">, right: Tensor<"f32">): Promise<Float32Array> {
  const g = new GraphBuilder("norms");
  const norms = columnNorms(g, {
    squares: columnSquares(w),
    multiply: (z) => g.matmul(z, g.constant(w)),
    a: g.input("a", "f32", a.shape),
    b: g.input("b", "f32", b.shape),
    scale,
  });
  const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(g.build({ norms }));
  const result = await program.run({ a, b: right });
  await program.dispose();
  return result.norms!.data as Float32Array;
}

describe("the norm of a sum", () => {
  it("needs no matrix of the weight's size", async () => {
    const norms = await normsInGraph(weight, b);
    norms.forEach((value, j) => {
      expect(value / norm(j)).toBeCloseTo(1, 5);
    });
  });

  it("is exactly the weight's norm if B is 0", async () => {
    const norms = await normsInGraph(weight, f32(b.shape, new Float32Array(b.data.length)));
    expect(norms).toEqual(rootsOf(columnSquares(weight)).data);
    norms.forEach((value, j) => {
      expect(value / norm(j, weight, f32(b.shape, new Float32Array(b.data.length)))).toBeCloseTo(1, 6);
    });
  });

  it("divides a column of zeros without harm", async () => {
    const [nothing, none] = [f32(weight.shape, new Float32Array(IN * OUT)), f32(b.shape, new Float32Array(RANK * OUT))];
    const norms = await normsInGraph(nothing, none);
    expect(norms).toEqual(rootsOf(columnSquares(nothing)).data);
    expect(norms.every((value) => value > 0)).toBe(true);
    const zeros = f32([OUT], new Float32Array(OUT));
    expect([...outputScales(nothing, zeros, { a, b: none }).data]).toEqual([0, 0, 0, 0, 0]);
  });

  it("passes no gradient on", () => {
    const g = new GraphBuilder("detached");
    const [left, right] = [g.input("a", "f32", a.shape), g.input("b", "f32", b.shape)];
    const norms = columnNorms(g, {
      squares: columnSquares(weight),
      multiply: (z) => g.matmul(z, g.constant(weight)),
      ...{ a: left, b: right, scale },
    });
    expect(() => gradient(g, g.reduceSum(norms, [0]), [left])).toThrow("the loss does not depend on");
  });
});

it("gives the columns the norms in the magnitude", () => {
  const folded = f32(
    b.shape,
    b.data.map((value) => scale * value),
  );
  outputScales(weight, magnitude, { a, b: folded }).data.forEach((value, j) => {
    expect(value).toBeCloseTo(magnitude.data[j]! / norm(j), 5);
  });
  outputScales(weight, magnitude).data.forEach((value, j) => {
    const none = f32(b.shape, new Float32Array(b.data.length));
    expect(value).toBeCloseTo(magnitude.data[j]! / norm(j, weight, none), 5);
  });
});
