import { beforeAll, describe, expect, test } from "vitest";
import { loadOrtModule, type OrtModule } from "../../../edge/runtime/ort-module.ts";
import { allocateTensor, residentCopy } from "../../../edge/runtime/resident-tensor.ts";
import { createSession, type Session } from "../../../edge/runtime/session.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { encodeOnnx } from "../../../shared/graph/onnx.ts";
import { f32, i64 } from "../../../shared/tensor.ts";

const MIB = 1024 * 1024;

/** y = rmsNorm(x · w) over any number of rows. */
function normedProduct(inner: number, width: number): Uint8Array {
  const g = new GraphBuilder("normed-product");
  const x = g.input("x", "f32", ["rows", inner]);
  const product = g.matmul(x, g.input("w", "f32", [inner, width]));
  return encodeOnnx(g.build({ product, y: g.rmsNorm(product, g.input("gain", "f32", [width]), 1e-6) }));
}

let ort: OrtModule;
let session: Session;
beforeAll(async () => {
  ort = await loadOrtModule();
  session = createSession(ort, normedProduct(2, 2), { name: "normed" });
});

const weights = () => ({
  w: residentCopy(ort, f32([2, 2], [1, 0, 1, 1])),
  gain: residentCopy(ort, f32([2], [1, 2])),
});

test("lists its inputs and outputs", () => {
  expect(session.inputNames).toEqual(["x", "w", "gain"]);
  expect(session.outputNames).toEqual(["product", "y"]);
});

test("computes into given tensors, for any number of rows", () => {
  for (const rows of [1, 3, 2]) {
    const x = residentCopy(ort, f32([rows, 2], [1, 2, 3, 4, 5, 6].slice(0, 2 * rows)));
    const [product, y] = [allocateTensor(ort, "f32", [rows, 2]), allocateTensor(ort, "f32", [rows, 2])];
    session.run({ x, ...weights() }, { product, y });
    const want = [3, 2, 7, 4, 11, 6].slice(0, 2 * rows);
    expect([...product.view()]).toEqual(want);
    for (const [i, value] of y.view().entries()) {
      const [a, b] = [want[i - (i % 2)]!, want[i - (i % 2) + 1]!];
      const norm = Math.sqrt((a * a + b * b) / 2 + 1e-6);
      expect(value).toBeCloseTo((want[i]! / norm) * [1, 2][i % 2]!, 5);
    }
  }
});

test("computes only the requested outputs", () => {
  const y = allocateTensor(ort, "f32", [1, 2]);
  session.run({ x: residentCopy(ort, f32([1, 2], [1, 0])), ...weights() }, { y });
  expect(y.view()[0]).toBeCloseTo(Math.SQRT2, 5);
});

test("shares weights between sessions, which see changes immediately", () => {
  const other = createSession(ort, normedProduct(2, 2));
  const shared = weights();
  const x = residentCopy(ort, f32([1, 2], [1, 2]));
  const product = allocateTensor(ort, "f32", [1, 2]);
  other.run({ x, ...shared }, { product });
  expect([...product.view()]).toEqual([3, 2]);
  shared.w.view().set([0, 0, 5, 0]);
  for (const each of [session, other]) {
    each.run({ x, ...shared }, { product });
    expect([...product.view()]).toEqual([10, 0]);
  }
  other.dispose();
});

describe("explains what is wrong", () => {
  const x = () => residentCopy(ort, f32([1, 2], [1, 2]));
  const y = () => allocateTensor(ort, "f32", [1, 2]);
  const expectInvalid = (run: () => void, message: string | RegExp) => {
    expect(run).toThrow(expect.objectContaining({ code: "invalid_graph" }));
    expect(run).toThrow(message);
  };

  test("with a model", () => {
    const broken = () => createSession(ort, new Uint8Array([1, 2, 3]), { name: "broken" });
    expectInvalid(broken, /^ONNX Runtime rejected the graph "broken": .*[Pp]rotobuf/);
    expectInvalid(() => createSession(ort, new Uint8Array(0)), /rejected the graph "session"/);
  });

  test("with a missing input", () => {
    expectInvalid(() => session.run({ x: x() }, { y: y() }), 'the graph "normed" is missing the inputs: w, gain');
  });

  test("with an unknown name", () => {
    const inputs = { x: x(), ...weights() };
    expectInvalid(
      () => session.run({ ...inputs, z: x() }, { y: y() }),
      'the graph "normed" has no input "z"; it has x, w, gain',
    );
    expectInvalid(() => session.run(inputs, { out: y() }), 'has no output "out"; it has product, y');
  });

  test("with an input's shape or dtype", () => {
    const wide = residentCopy(ort, f32([1, 3], [1, 2, 3]));
    expectInvalid(
      () => session.run({ ...weights(), x: wide }, { y: y() }),
      /^the graph "normed" failed: .*invalid dimensions for input: x.* Got: 3 Expected: 2/s,
    );
    expectInvalid(
      () => session.run({ ...weights(), x: residentCopy(ort, i64([1, 2], [1, 2])) }, { y: y() }),
      /Unexpected input data type.*int64/,
    );
  });

  test("with an output's shape", () => {
    const two = allocateTensor(ort, "f32", [2, 2]);
    expectInvalid(() => session.run({ ...weights(), x: x() }, { y: two }), /'y'.* has shape \{2,2\}.*\{1,2\}/);
  });

  test("with a disposed session or tensor", () => {
    const gone = createSession(ort, normedProduct(2, 2), { name: "gone" });
    gone.dispose();
    gone.dispose();
    const run = () => gone.run({ ...weights(), x: x() }, { y: y() });
    expect(run).toThrow(expect.objectContaining({ code: "internal_error" }));
    expect(run).toThrow('the session "gone" was used after disposal');
    const late = x();
    late.dispose();
    expect(() => session.run({ ...weights(), x: late }, { y: y() })).toThrow("used after disposal");
  });
});

test("reports a crash of the library", async () => {
  const crashing = await loadOrtModule();
  const trap = () => {
    throw new WebAssembly.RuntimeError("unreachable");
  };
  const x = residentCopy(crashing, f32([1, 1], [1]));
  const g = new GraphBuilder("square");
  const input = g.input("x", "f32", [1, 1]);
  const square = createSession(crashing, encodeOnnx(g.build({ y: g.mul(input, input) })), { name: "square" });
  Object.assign(crashing.api, { _OrtRun: trap, _OrtCreateSession: trap });
  expect(() => square.run({ x }, { y: x })).toThrow(
    expect.objectContaining({
      code: "internal_error",
      message: 'the graph "square" failed: ONNX Runtime crashed and must be reloaded',
      cause: expect.any(WebAssembly.RuntimeError),
    }),
  );
  expect(() => createSession(crashing, new Uint8Array(1))).toThrow(
    /rejected the graph "session": ONNX Runtime crashed/,
  );
});

test("runs 1,000 steps and creates 50 sessions without growing the heap", () => {
  const wide = createSession(ort, normedProduct(64, 4096));
  const inputs = {
    x: residentCopy(ort, f32([8, 64], new Float32Array(8 * 64).fill(1))),
    w: residentCopy(ort, f32([64, 4096], new Float32Array(64 * 4096).fill(1))),
    gain: residentCopy(ort, f32([4096], new Float32Array(4096).fill(1))),
  };
  const y = allocateTensor(ort, "f32", [8, 4096]);
  const remake = () => createSession(ort, normedProduct(64, 64)).dispose();
  wide.run(inputs, { y });
  remake();
  const heap = ort.heapBytes();
  for (let step = 0; step < 1000; step++) {
    const rows = 1 + (step % 8);
    const views = { x: inputs.x.window([rows, 64]), y: y.window([rows, 4096]) };
    wide.run({ ...inputs, x: views.x }, { y: views.y });
    views.x.dispose();
    views.y.dispose();
  }
  for (let i = 0; i < 50; i++) remake();
  expect(ort.heapBytes()).toBe(heap);
});

test("reports intermediate results that do not fit, and recovers", async () => {
  const tight = await loadOrtModule({ heapLimitBytes: 20 * MIB });
  const g = new GraphBuilder("outer");
  const column = g.input("column", "f32", ["n", 1]);
  const outer = g.matmul(column, g.input("row", "f32", [1, "n"]));
  const large = createSession(tight, encodeOnnx(g.build({ y: g.reduceSum(g.exp(outer), [0, 1]) })), { name: "outer" });
  const run = (n: number): number => {
    const inputs = {
      column: residentCopy(tight, f32([n, 1], new Float32Array(n))),
      row: residentCopy(tight, f32([1, n], new Float32Array(n))),
    };
    const y = allocateTensor(tight, "f32", []);
    large.run(inputs, { y });
    return y.view()[0]!;
  };
  expect(run(100)).toBe(10_000);
  expect(() => run(4000)).toThrow(expect.objectContaining({ code: "capacity_exceeded" }));
  expect(() => run(4000)).toThrow(/^the graph "outer" failed: .*: the WASM heap is limited to 20971520 bytes/s);
  expect(run(100)).toBe(10_000);
});
