import { expect, test } from "vitest";
import { canonicalJson, hex, sha256Hex } from "../../../shared/formats/digest.ts";

test("the digest is SHA-256 in lower-case hexadecimal", async () => {
  const abc = new TextEncoder().encode("abc");
  expect(await sha256Hex(abc)).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const framed = new TextEncoder().encode("xabcx").subarray(1, 4);
  expect(await sha256Hex(framed)).toBe(await sha256Hex(abc));
  const sharedBytes = new Uint8Array(new SharedArrayBuffer(3));
  sharedBytes.set(abc);
  expect(await sha256Hex(sharedBytes)).toBe(await sha256Hex(abc));
});

test("bytes are two digits each", () => {
  expect(hex(Uint8Array.of(0, 10, 255).buffer)).toBe("000aff");
});

test("equal values have equal canonical text, whatever the order of their keys", () => {
  expect(canonicalJson({ b: [1, { d: null, c: "x" }], a: true })).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}');
  expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  expect(canonicalJson([undefined, "é\n"])).toBe('[null,"é\\n"]');
});
