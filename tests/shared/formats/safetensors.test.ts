import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { TrimtabError } from "../../../shared/errors.ts";
import {
  fromF32,
  parseSafetensors,
  type SafetensorsTensor,
  toF32,
  writeSafetensors,
} from "../../../shared/formats/safetensors.ts";
import { createRandom } from "../../../shared/random.ts";

const f32Tensor = (shape: readonly number[], values: number[]): SafetensorsTensor => ({
  dtype: "F32",
  shape,
  bytes: fromF32(Float32Array.from(values), "F32"),
});

function sample(): Uint8Array {
  return writeSafetensors(
    new Map<string, SafetensorsTensor>([
      ["z", f32Tensor([2, 2], [1, 2, 3, 4])],
      ["half", { dtype: "F16", shape: [3], bytes: fromF32(Float32Array.of(0.5, -2, 65504), "F16") }],
      ["a", { dtype: "I64", shape: [1], bytes: new Uint8Array(BigInt64Array.of(-5n).buffer) }],
      ["flags", { dtype: "BOOL", shape: [3], bytes: Uint8Array.of(1, 0, 1) }],
      ["none", f32Tensor([0, 4], [])],
      ["scalar", f32Tensor([], [7])],
    ]),
    { format: "pt", about: "a test" },
  );
}

describe("writing and parsing", () => {
  test("a round trip keeps names, shapes, values and metadata", () => {
    const file = parseSafetensors(sample(), { finite: true });
    expect(file.metadata).toEqual({ about: "a test", format: "pt" });
    expect([...file.tensors.keys()]).toEqual(["a", "none", "scalar", "z", "half", "flags"]);
    expect([...toF32(file.tensors.get("z")!)]).toEqual([1, 2, 3, 4]);
    expect([...toF32(file.tensors.get("half")!)]).toEqual([0.5, -2, 65504]);
    expect(file.tensors.get("scalar")).toMatchObject({ shape: [], dtype: "F32" });
    expect(file.tensors.get("none")!.bytes).toHaveLength(0);
  });

  test("the bytes do not depend on the order in which tensors and metadata were given", () => {
    const file = parseSafetensors(sample());
    const reversed = new Map([...file.tensors].reverse());
    expect(writeSafetensors(reversed, { format: "pt", about: "a test" })).toEqual(sample());
  });

  test("the layout is the reference's: padded header, larger elements first", () => {
    const bytes = writeSafetensors(new Map([["w", f32Tensor([1], [1.5])]]), { format: "pt" });
    const header = '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}   ';
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(BigInt(header.length));
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + header.length))).toBe(header);
    expect([...bytes.subarray(8 + header.length)]).toEqual([0, 0, 0xc0, 0x3f]);
  });

  test("names that look like array indices keep their place", () => {
    const file = parseSafetensors(
      writeSafetensors(
        new Map([
          ["b", f32Tensor([1], [1])],
          ["7", f32Tensor([1], [2])],
          ["10", f32Tensor([1], [3])],
        ]),
      ),
    );
    expect([...file.tensors].map(([name, tensor]) => [name, toF32(tensor)[0]])).toEqual([
      ["10", 3],
      ["7", 2],
      ["b", 1],
    ]);
  });

  test("a tensor whose bytes do not match its shape is not written", () => {
    const wrong = new Map([["w", f32Tensor([3], [1, 2])]]);
    expect(() => writeSafetensors(wrong)).toThrow('cannot write tensor "w": got 8 bytes for F32 [3]');
  });

  test("a file at an odd address, or in a Buffer, reads the same", () => {
    const bytes = sample();
    const shifted = Buffer.alloc(bytes.length + 1);
    shifted.set(bytes, 1);
    const file = parseSafetensors(shifted.subarray(1), { finite: true });
    expect([...toF32(file.tensors.get("z")!)]).toEqual([1, 2, 3, 4]);
    expect([...toF32(file.tensors.get("half")!)]).toEqual([0.5, -2, 65504]);
  });

  test("bfloat16 reads as float32; integers do not", () => {
    const bytes = fromF32(Float32Array.of(1, -0.15625), "BF16");
    expect([...toF32({ dtype: "BF16", shape: [2], bytes })]).toEqual([1, -0.15625]);
    expect(() => toF32({ dtype: "U8", shape: [1], bytes: Uint8Array.of(1) })).toThrow(
      "a U8 tensor cannot be read as float32; use F32, F16 or BF16",
    );
  });
});

describe("a file written by the reference", () => {
  const folder = new URL("../../golden/safetensors/", import.meta.url);
  const golden = JSON.parse(readFileSync(new URL("mixed.json", folder), "utf8")) as {
    metadata: Record<string, string>;
    tensors: Record<string, { dtype: string; shape: number[]; values: (number | string)[] }>;
    rounding: Record<"F16" | "BF16", { f32Bits: number[]; bits: number[] }>;
  };
  const bytes = new Uint8Array(readFileSync(new URL("mixed.safetensors", folder)));
  const file = parseSafetensors(bytes);

  test("metadata, dtypes and shapes", () => {
    expect(file.metadata).toEqual(golden.metadata);
    const found = Object.fromEntries([...file.tensors].map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
    expect(found).toEqual(
      Object.fromEntries(Object.entries(golden.tensors).map(([name, { dtype, shape }]) => [name, { dtype, shape }])),
    );
  });

  test("float values, to the bit", () => {
    for (const [name, { dtype, values }] of Object.entries(golden.tensors)) {
      if (!["F32", "F16", "BF16"].includes(dtype)) continue;
      expect([...toF32(file.tensors.get(name)!)]).toEqual(values.map((value) => Math.fround(Number(value))));
    }
  });

  test("rounding equals PyTorch's", () => {
    for (const dtype of ["F16", "BF16"] as const) {
      const { f32Bits, bits } = golden.rounding[dtype];
      const narrow = fromF32(new Float32Array(Uint32Array.from(f32Bits).buffer), dtype);
      expect([...new Uint16Array(narrow.buffer)]).toEqual(bits);
    }
  });

  test("writing it again gives every tensor and the same header fields", () => {
    const again = parseSafetensors(writeSafetensors(file.tensors, file.metadata));
    for (const [name, { dtype, shape, bytes }] of file.tensors) {
      expect(again.tensors.get(name)).toMatchObject({ dtype, shape, bytes });
    }
  });
});

describe("values", () => {
  const withTensor = (tensor: SafetensorsTensor) => writeSafetensors(new Map([["w", tensor]]));

  test.each(["F32", "F16", "BF16"] as const)("NaN and infinity in %s are rejected on request", (dtype) => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const file = withTensor({ dtype, shape: [3], bytes: fromF32(Float32Array.of(1, bad, 2), dtype) });
      expect(() => parseSafetensors(file)).not.toThrow();
      expect(() => parseSafetensors(file, { finite: true, name: "x.safetensors" })).toThrow(
        'x.safetensors has a tensor "w" whose element 1 is not finite',
      );
    }
  });

  test("NaN in F64 is rejected with the caller's code", () => {
    const file = withTensor({ dtype: "F64", shape: [1], bytes: new Uint8Array(Float64Array.of(Number.NaN).buffer) });
    expect(() => parseSafetensors(file, { finite: true, code: "invalid_delta" })).toThrow(
      expect.objectContaining({ code: "invalid_delta" }),
    );
  });

  test("a BOOL tensor holds only 0 and 1", () => {
    const file = withTensor({ dtype: "BOOL", shape: [2], bytes: Uint8Array.of(1, 2) });
    expect(() => parseSafetensors(file)).toThrow('has a BOOL tensor "w" with values other than 0 and 1');
  });
});

describe("mutated files", () => {
  test("4,000 seeded mutations either parse or throw a TrimtabError", () => {
    const original = sample();
    const headerEnd = 8 + Number(new DataView(original.buffer).getBigUint64(0, true));
    const random = createRandom(20, "safetensors-fuzz");
    const interesting = new TextEncoder().encode('{}[]",:0123456789-eE.\\u FIBU_');
    let refused = 0;
    for (let round = 0; round < 4000; round++) {
      let bytes = original.slice();
      for (let edit = 1 + random.below(4); edit > 0; edit--) {
        const at = random.below(random.below(4) === 0 ? bytes.length : Math.min(headerEnd, bytes.length));
        switch (random.below(6)) {
          case 0:
            bytes[at] = random.below(256);
            break;
          case 1:
            bytes[at] = interesting[random.below(interesting.length)]!;
            break;
          case 2:
            bytes[at]! ^= 1 << random.below(8);
            break;
          case 3:
            bytes = bytes.slice(0, at);
            break;
          case 4: {
            const piece = bytes.slice(at, at + 1 + random.below(40));
            bytes = Uint8Array.from([...bytes.subarray(0, at), ...piece, ...bytes.subarray(at)]);
            break;
          }
          default:
            bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random.below(20))]);
        }
        if (bytes.length === 0) break;
      }
      try {
        const file = parseSafetensors(bytes, { finite: true });
        for (const tensor of file.tensors.values()) if (tensor.dtype.includes("F")) toF32Any(tensor);
      } catch (error) {
        if (!(error instanceof TrimtabError)) throw new Error(`round ${round}: ${String(error)}`, { cause: error });
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(3000);
  });
});

function toF32Any(tensor: SafetensorsTensor): void {
  if (tensor.dtype !== "F64") toF32(tensor);
}
