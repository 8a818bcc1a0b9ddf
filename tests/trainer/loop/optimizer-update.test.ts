import { expect, it } from "vitest";
import { f32 } from "../../../shared/tensor.ts";
import type { NamedTensors, Program } from "../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { createUpdate } from "../../../trainer/loop/optimizer-update.ts";
import { ADAMW_DEFAULTS, adamwScalars } from "../../../trainer/optim/adamw.ts";
import { memoryStore } from "./large-regression.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const parameters = [{ name: "w", shape: [100_000], decay: false }];
const filled = (value: number) => f32([100_000], new Float32Array(100_000).fill(value));
const tensors: NamedTensors = { w: filled(1), "w#m": filled(0.5), "w#v": filled(0.25), other: f32([], [3]) };

async function updateOnce(paging?: { store: ReturnType<typeof memoryStore>; memoryLimit: number }) {
  const programs: Program[] = [];
  const compile: Parameters<typeof createUpdate>[0]["compile"] = async (graph) => {
    const program = await executor.compile(graph);
    programs.push(program);
    return program;
  };
  const options = { parameters, optimizer: ADAMW_DEFAULTS, compile };
  const update = await createUpdate(paging === undefined ? options : { ...options, paging });
  const adopted = update.adopt(tensors);
  const scalars = Object.fromEntries(
    Object.entries(adamwScalars(ADAMW_DEFAULTS, 1, 0.1)).map(([name, value]) => [name, f32([], [value])]),
  );
  const results = await update.run({ tensors: adopted, gradients: { "w#grad": filled(2e-3) }, scalars });
  for (const program of programs) await program.dispose();
  return { adopted, results };
}

it("takes a state as it is where nothing is paged, and gives parameters, moments and the norm", async () => {
  const { adopted, results } = await updateOnce();
  expect(adopted).toBe(tensors);
  expect(Object.keys(results).sort()).toEqual(["grad_norm", "w", "w#m", "w#v"]);
  expect(results.grad_norm!.data[0]).toBeCloseTo(2e-3 * Math.sqrt(100_000), 4);
});

it("moves the moments of a state to the pages, and nothing else", async () => {
  const store = memoryStore(200_000);
  const { adopted, results } = await updateOnce({ store, memoryLimit: 0 });
  expect([adopted.w, adopted.other]).toEqual([tensors.w, tensors.other]);
  const plain = (await updateOnce()).results;
  for (const name of ["w", "w#m", "w#v", "grad_norm"]) {
    expect(bytesOf(results[name]!).equals(bytesOf(plain[name]!)), name).toBe(true);
  }
  expect(store.numbers[0]).toBe((plain["w#m"]!.data as Float32Array)[0]);
  expect(store.numbers[100_000]).toBe((plain["w#v"]!.data as Float32Array)[0]);
});

const bytesOf = ({ data }: { data: unknown }) => {
  const { buffer, byteOffset, byteLength } = data as Float32Array;
  return Buffer.from(buffer, byteOffset, byteLength);
};
