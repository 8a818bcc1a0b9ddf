import { expect, it } from "vitest";
import { gradient } from "../../../shared/autodiff/gradient.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { f32 } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { logSigmoid } from "../../../trainer/losses/log-sigmoid.ts";

it("is log σ with its gradient σ(−x), at 0 too and far from it", async () => {
  const inputs = [0, 1e-4, -1e-4, 0.5, -2, 20, -20, 90, -90, 1e4, -1e4];
  const b = new GraphBuilder("log_sigmoid");
  const x = b.input("x", "f32", [inputs.length]);
  const y = logSigmoid(b, x);
  const [dx] = gradient(b, b.reduceSum(y, [0]), [x]);
  const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(b.build({ y, dx: dx! }));
  const result = await program.run({ x: f32([inputs.length], inputs) });
  await program.dispose();
  for (const [i, input] of inputs.entries()) {
    const value = Math.min(input, 0) - Math.log1p(Math.exp(-Math.abs(input)));
    expect(Number(result.y!.data[i])).toBeCloseTo(value, 5);
    expect(Number(result.dx!.data[i])).toBeCloseTo(1 / (1 + Math.exp(input)), 6);
  }
  expect(result.dx!.data[0]).toBe(0.5);
});

it("keeps the shape of what it is given, a scalar's too", () => {
  const b = new GraphBuilder("shapes");
  for (const shape of [[], [3], [2, 4]]) expect(logSigmoid(b, b.input(`x${shape}`, "f32", shape)).shape).toEqual(shape);
});
