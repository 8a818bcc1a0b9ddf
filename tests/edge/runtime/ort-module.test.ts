import sharedWasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm";
import { describe, expect, test, vi } from "vitest";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { allocateTensor, residentCopy } from "../../../edge/runtime/resident-tensor.ts";
import { createSession } from "../../../edge/runtime/session.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { encodeOnnx } from "../../../shared/graph/onnx.ts";
import { f32 } from "../../../shared/tensor.ts";

const MIB = 1024 * 1024;

describe.each([
  ["the unshared build", undefined],
  ["the package's own build, over shared memory", { wasm: sharedWasm, shared: true }],
])("%s", (_, build) => {
  test("runs a graph, before and after its heap has grown", async () => {
    const ort = await loadOrtModule({ heapLimitBytes: 64 * MIB, ...(build && { build }) });
    expect(ort.buffer.constructor.name).toBe(build ? "SharedArrayBuffer" : "ArrayBuffer");
    expect(ort.heapBytes()).toBe(16 * MIB);
    const g = new GraphBuilder("product");
    const onnx = encodeOnnx(g.build({ y: g.matmul(g.input("a", "f32", [2, 2]), g.input("b", "f32", [2, 2])) }));
    const session = createSession(ort, onnx);
    const inputs = { a: residentCopy(ort, f32([2, 2], [1, 2, 3, 4])), b: residentCopy(ort, f32([2, 2], [0, 1, 1, 0])) };
    const y = allocateTensor(ort, "f32", [2, 2]);
    session.run(inputs, { y });
    expect([...y.view()]).toEqual([2, 1, 4, 3]);
    allocateTensor(ort, "f32", [8 * MIB]);
    expect(ort.heapBytes()).toBeGreaterThan(32 * MIB);
    inputs.b.view().set([1, 0, 0, 2]);
    session.run(inputs, { y });
    expect([...y.view()]).toEqual([1, 4, 3, 8]);
  });

  test("never grows past its limit, and keeps working once it is reached", async () => {
    const ort = await loadOrtModule({ heapLimitBytes: 24 * MIB, ...(build && { build }) });
    const large = allocateTensor(ort, "u8", [12 * MIB]);
    const refused = () => allocateTensor(ort, "u8", [12 * MIB]);
    expect(refused).toThrow(
      "could not allocate 12582912 bytes: the WASM heap is limited to 25165824 bytes, and tensors use 12582912 of them; " +
        "use a smaller model, fewer rows or a shorter context, or raise the limit",
    );
    expect(refused).toThrow(expect.objectContaining({ code: "capacity_exceeded" }));
    expect(ort.residentBytes).toBe(12 * MIB);
    expect(ort.heapBytes()).toBeLessThanOrEqual(24 * MIB);
    large.dispose();
    expect(ort.residentBytes).toBe(0);
    refused().dispose();
  });
});

test("needs neither SharedArrayBuffer nor Node's process", async () => {
  vi.stubGlobal("SharedArrayBuffer", undefined);
  vi.stubGlobal("process", undefined);
  try {
    const ort = await loadOrtModule();
    expect([...residentCopy(ort, f32([1], [7])).view()]).toEqual([7]);
  } finally {
    vi.unstubAllGlobals();
  }
});

test("grows by little more than it needs", async () => {
  const ort = await loadOrtModule();
  for (let i = 0; i < 8; i++) allocateTensor(ort, "u8", [8 * MIB]);
  expect(ort.residentBytes).toBe(64 * MIB);
  expect(ort.heapBytes()).toBeLessThan((64 + 16) * MIB);
});

test("reports a file that is not an ONNX Runtime build", async () => {
  await expect(loadOrtModule({ build: { wasm: {} as WebAssembly.Module, shared: false } })).rejects.toThrow(
    expect.objectContaining({ code: "internal_error", message: "ONNX Runtime's WASM file could not be instantiated" }),
  );
});
