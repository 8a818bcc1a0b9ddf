import { expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import { inputDropout } from "../../../shared/peft/input-dropout.ts";
import type { RewriteContext } from "../../../shared/peft/method.ts";
import { f32, tensor } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";

const modules = [
  { path: "layers.0.mlp.up_proj", in: 3, out: 8, bias: false },
  { path: "layers.0.mlp.down_proj", in: 8, out: 3, bias: false },
];
const shape = { rows: 1, tokens: 2 };

function graph(training: boolean, probability: number) {
  const b = new GraphBuilder("dropout");
  const x = b.input("x", "f32", [1, 2, 3]);
  const { apply, randomInputs } = inputDropout(modules, probability);
  const random = (name: string): Value => {
    const input = randomInputs(shape).find((candidate) => candidate.name === name)!;
    return b.input(name, "u8", input.shape);
  };
  const y = apply({ b, random, training } as RewriteContext, modules[0]!.path, x);
  return { b, x, y };
}

it("has a mask for the input of every layer, and none if nothing is dropped", () => {
  expect(inputDropout(modules, 0.25).randomInputs(shape)).toEqual([
    { name: "layers.0.mlp.up_proj.lora_dropout", shape: [1, 2, 3], probability: 0.25 },
    { name: "layers.0.mlp.down_proj.lora_dropout", shape: [1, 2, 8], probability: 0.25 },
  ]);
  expect(inputDropout(modules, 0).randomInputs(shape)).toEqual([]);
});

it("scales up kept elements", async () => {
  const { b, y } = graph(true, 0.2);
  const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(b.build({ y }));
  const result = await program.run({
    x: f32([1, 2, 3], [1, 2, 3, 4, 5, 6]),
    "layers.0.mlp.up_proj.lora_dropout": tensor("u8", [1, 2, 3], Uint8Array.of(1, 0, 1, 1, 1, 0)),
  });
  await program.dispose();
  expect([...(result.y!.data as Float32Array)]).toEqual([1.25, 0, 3.75, 5, 6.25, 0]);
});

it("returns the input itself outside training, and if nothing is dropped", () => {
  for (const { x, y } of [graph(false, 0.2), graph(true, 0)]) expect(y).toBe(x);
});
