import { describe, expect, test } from "vitest";
import { parseSafetensorsHeader, safetensorsHeaderLength } from "../../../shared/formats/safetensors-header.ts";

/** A file with `header` as written here and `dataBytes` zeros. */
function file(header: string, dataBytes: number, claimedLength?: bigint): Uint8Array {
  const encoded = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + encoded.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimedLength ?? BigInt(encoded.length), true);
  bytes.set(encoded, 8);
  return bytes;
}

const parse = (bytes: Uint8Array) => parseSafetensorsHeader(bytes, bytes.length, { name: "m.safetensors" });
const one = (fields: string, dataBytes = 4) => file(`{"w":{${fields}}}`, dataBytes);

describe("reading", () => {
  test("a header can be read from the first bytes of a longer file", () => {
    const bytes = file(
      '{"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"a":{"dtype":"I32","shape":[1,1],"data_offsets":[0,4]}}',
      8,
    );
    const length = safetensorsHeaderLength(bytes.subarray(0, 8), bytes.length);
    const header = parseSafetensorsHeader(bytes.subarray(0, 8 + length), bytes.length);
    expect([...header.tensors.entries()]).toEqual([
      ["a", { dtype: "I32", shape: [1, 1], start: 8 + length, end: 12 + length }],
      ["b", { dtype: "F32", shape: [1], start: 12 + length, end: 16 + length }],
    ]);
    expect(() => parseSafetensorsHeader(bytes.subarray(0, 20), bytes.length)).toThrow(/needs \d+ bytes for its header/);
  });

  test("no tensors, trailing spaces and hostile names are valid", () => {
    expect(parse(file("{}   ", 0)).tensors.size).toBe(0);
    const name = "__proto__";
    const header = parse(file(`{"${name}":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1));
    expect(header.tensors.get(name)?.dtype).toBe("U8");
    expect(parse(file('{"__metadata__":{"__proto__":"x"}}', 0)).metadata).toHaveProperty("__proto__", "x");
  });
});

const good = '"dtype":"F32","shape":[1],"data_offsets":[0,4]';

describe("refusing", () => {
  test.each<[string, Uint8Array, string | RegExp]>([
    ["no bytes", new Uint8Array(0), "m.safetensors is truncated: 0 bytes cannot hold a header"],
    ["7 bytes", new Uint8Array(7), "truncated"],
    [
      "a header of 2^63 bytes",
      file("{}", 0, 1n << 63n),
      "claims a header of 9223372036854775808 bytes; at most 16777216 are allowed",
    ],
    ["a header longer than the file", file("{}", 0, 100n), "claims a header of 100 bytes, but only 2 bytes follow"],
    ["a header that is shorter than its JSON", file(`{"w":{${good}}}`, 4, 10n), "is not valid JSON"],
    ["an empty header", file("", 0), "does not start with {"],
    ["an array", file("[]", 0), "does not start with {"],
    ["a byte order mark", file("\ufeff{}", 0), "does not start with {"],
    ["a tensor twice", file(`{"w":{${good}},"w":{${good}}}`, 4), 'the header of m.safetensors has the key "w" twice'],
    ["a field twice", one(`${good},"shape":[1]`), 'has the key "shape" twice'],
    ["an unknown field", one(`${good},"extra":1`), 'tensor "w" has an unknown field "extra"'],
    ["a tensor that is a number", file('{"w":1}', 0), 'the entry of tensor "w" is not an object'],
    ["a missing dtype", one('"shape":[1],"data_offsets":[0,4]'), 'dtype "undefined"'],
    [
      "an unknown dtype",
      one('"dtype":"F8","shape":[4],"data_offsets":[0,4]'),
      'has tensor "w" with unsupported dtype "F8"; use one of F64, I64, F32',
    ],
    ["a dtype from the prototype", one('"dtype":"toString","shape":[4],"data_offsets":[0,4]'), 'dtype "toString"'],
    ["a negative dimension", one('"dtype":"F32","shape":[-1],"data_offsets":[0,4]'), "with an invalid shape"],
    ["a fraction", one('"dtype":"F32","shape":[0.5],"data_offsets":[0,4]'), "with an invalid shape"],
    ["33 dimensions", one(`"dtype":"F32","shape":[${Array(33).fill(1)}],"data_offsets":[0,4]`), "at most 32"],
    [
      "dimensions whose product overflows",
      one('"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]'),
      "needs more than 2^53",
    ],
    [
      "a product that wraps to the right size in 64 bits",
      one('"dtype":"U8","shape":[4294967297,4294967297],"data_offsets":[0,4]'),
      "needs more than 2^53",
    ],
    [
      "too few bytes for the shape",
      one('"dtype":"F32","shape":[2],"data_offsets":[0,4]'),
      'tensor "w" with 4 bytes, but F32 [2] needs 8',
    ],
    ["offsets that fall", one('"dtype":"F32","shape":[1],"data_offsets":[4,0]'), "two integers in ascending order"],
    ["three offsets", one('"dtype":"F32","shape":[1],"data_offsets":[0,2,4]'), "two integers in ascending order"],
    [
      "an offset past 2^53",
      one('"dtype":"F32","shape":[1],"data_offsets":[0,9007199254740993]'),
      "two integers in ascending order",
    ],
    ["a truncated file", one(good, 3), 'is truncated: tensor "w" ends at 4, but the file has only 3 bytes of data'],
    ["trailing bytes", one(good, 5), "has 1 unused bytes after its last tensor"],
    ["data without tensors", file("{}", 3), "has 3 unused bytes after its last tensor"],
    [
      "a hole at the start",
      one('"dtype":"F32","shape":[1],"data_offsets":[4,8]', 8),
      'tensor "w" leaves a gap before it (expected offset 0)',
    ],
    [
      "an overlap",
      file(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}',
        6,
      ),
      'tensor "b" overlaps the tensor before it (expected offset 4)',
    ],
    [
      "the same bytes twice",
      file(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        4,
      ),
      'tensor "b" overlaps',
    ],
    ["metadata that is a list", file('{"__metadata__":["a"]}', 0), "__metadata__ that is not an object of strings"],
    ["metadata with a number", file('{"__metadata__":{"a":1}}', 0), "__metadata__ that is not an object of strings"],
  ])("%s", (_name, bytes, message) => {
    expect(() => parse(bytes)).toThrow(message);
    expect(() => parse(bytes)).toThrow(expect.objectContaining({ name: "TrimtabError", code: "invalid_model" }));
  });

  test("bytes that are not UTF-8", () => {
    const bytes = file('{"?":1}', 0);
    bytes[10] = 0xff;
    expect(() => parse(bytes)).toThrow("m.safetensors has a header that is not UTF-8");
  });

  test("more tensors than the cap, before they are looked at", () => {
    const many = `{${Array.from({ length: 11 }, (_, i) => `"t${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`)}}`;
    const bytes = file(many, 0);
    expect(parseSafetensorsHeader(bytes, bytes.length, { maxTensors: 11 }).tensors.size).toBe(11);
    expect(() => parseSafetensorsHeader(bytes, bytes.length, { maxTensors: 10 })).toThrow("has more than 10 tensors");
  });

  test("more names and values than are parsed together", () => {
    const entry = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';
    const many = `{${Array.from({ length: 99_999 }, (_, i) => `"t${i}":${entry}`)}}`;
    const shapes = `{"t":{"dtype":"U8","shape":[${new Array<number>(300_000).fill(0)}],"data_offsets":[0,0]}}`;
    for (const [header, what] of [
      [many, "65536 names"],
      [shapes, "250000 values"],
    ] as const) {
      const bytes = file(header, 0);
      expect(() => parseSafetensorsHeader(bytes, bytes.length)).toThrow(`has more than ${what}`);
    }
  });

  test("the header cap can be set", () => {
    const bytes = file("{}", 0);
    expect(() => parseSafetensorsHeader(bytes, bytes.length, { maxHeaderBytes: 1 })).toThrow("at most 1 are allowed");
  });
});
