import { beforeAll, expect, test } from "vitest";
import { loadOrtModule, type OrtModule } from "../../../edge/runtime/ort-module.ts";
import { allocateTensor, residentCopy } from "../../../edge/runtime/resident-tensor.ts";
import { createSession } from "../../../edge/runtime/session.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { encodeOnnx } from "../../../shared/graph/onnx.ts";
import { DTYPES, f32, i64, tensor } from "../../../shared/tensor.ts";

const MIB = 1024 * 1024;
let ort: OrtModule;
beforeAll(async () => {
  ort = await loadOrtModule();
});

test("copies a tensor of every type", () => {
  expect([...residentCopy(ort, f32([2], [0.5, -1])).view()]).toEqual([0.5, -1]);
  expect([...residentCopy(ort, i64([2], [-1, 2 ** 40])).view()]).toEqual([-1n, 2n ** 40n]);
  expect([...residentCopy(ort, tensor("i32", [2], Int32Array.of(-1, 7))).view()]).toEqual([-1, 7]);
  expect([...residentCopy(ort, tensor("f64", [1], Float64Array.of(0.1))).view()]).toEqual([0.1]);
  expect([...residentCopy(ort, tensor("bool", [3], Uint8Array.of(1, 0, 1))).view()]).toEqual([1, 0, 1]);
  expect([...residentCopy(ort, tensor("u8", [2], Uint8Array.of(255, 1))).view()]).toEqual([255, 1]);
  expect([...residentCopy(ort, f32([], [3])).view()]).toEqual([3]);
  for (const dtype of DTYPES) expect(allocateTensor(ort, dtype, [2, 0, 3]).view().length).toBe(0);
});

test("lets a graph read and write windows of one slab", () => {
  const g = new GraphBuilder("double");
  const x = g.input("x", "f32", ["rows", 2]);
  const session = createSession(ort, encodeOnnx(g.build({ y: g.add(x, x) })));
  const slab = residentCopy(ort, f32([4, 2], [1, 2, 3, 4, 5, 6, 7, 8]));
  session.run({ x: slab.window([1, 2], 2) }, { y: slab.window([1, 2], 6) });
  expect([...slab.view()]).toEqual([1, 2, 3, 4, 5, 6, 6, 8]);
  session.run({ x: slab.window([2, 2]) }, { y: slab.window([2, 2], 4) });
  expect([...slab.view()]).toEqual([1, 2, 3, 4, 2, 4, 6, 8]);
  expect([...slab.window([2, 2], 4).window([2], 2).view()]).toEqual([6, 8]);
});

test("rejects a window past its end", () => {
  const slab = allocateTensor(ort, "f32", [4, 2]);
  const message = "a window of shape [2, 2] at element 6 does not fit in a tensor of shape [4, 2]";
  expect(() => slab.window([2, 2], 6)).toThrow(expect.objectContaining({ code: "invalid_graph", message }));
  expect(() => slab.window([1], -1)).toThrow("does not fit in");
  expect(() => slab.window([2], 4).window([2], 1)).toThrow("does not fit in");
});

test("gives fresh views after the heap has grown", () => {
  const small = residentCopy(ort, f32([1], [42]));
  const before = small.view();
  expect(small.view()).toBe(before);
  const large = allocateTensor(ort, "u8", [20 * MIB]);
  expect(before.length).toBe(0);
  expect([...small.view()]).toEqual([42]);
  large.dispose();
});

test("frees its memory with its last window, once", () => {
  const before = ort.residentBytes;
  const slab = allocateTensor(ort, "f32", [1000]);
  const window = slab.window([10]);
  expect(ort.residentBytes).toBe(before + 4000);
  slab.dispose();
  slab.dispose();
  expect(ort.residentBytes).toBe(before + 4000);
  window.view().fill(1);
  window.dispose();
  window.dispose();
  expect(ort.residentBytes).toBe(before);
});

test("cannot be used after disposal", () => {
  const gone = allocateTensor(ort, "f32", [2, 3]);
  gone.dispose();
  const disposed = expect.objectContaining({
    code: "internal_error",
    message: "a resident tensor of shape [2, 3] was used after disposal",
  });
  expect(() => gone.view()).toThrow(disposed);
  expect(() => gone.handle).toThrow(disposed);
  expect(() => gone.window([1])).toThrow(disposed);
});

test("leaks nothing over many allocations", () => {
  const cycle = () => {
    const slab = allocateTensor(ort, "f32", [50_000]);
    const windows = [slab.window([10]), slab.window([100, 100], 40_000)];
    for (const tensor of [slab, ...windows]) tensor.dispose();
  };
  cycle();
  const heap = ort.heapBytes();
  for (let i = 0; i < 2000; i++) cycle();
  expect(ort.heapBytes()).toBe(heap);
});

test("allocates nothing for an oversized request", () => {
  const before = ort.heapBytes();
  expect(() => allocateTensor(ort, "f32", [2 ** 40])).toThrow("could not allocate 4398046511104 bytes");
  expect(ort.heapBytes()).toBe(before);
});
