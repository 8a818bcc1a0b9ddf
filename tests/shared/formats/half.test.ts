import { describe, expect, test } from "vitest";
import { narrowToBfloat16, narrowToFloat16, widenBfloat16, widenFloat16 } from "../../../shared/formats/half.ts";

const everyPattern = Uint16Array.from({ length: 0x10000 }, (_, index) => index);
const f32 = (bits: number) => new Float32Array(Uint32Array.of(bits).buffer);

/** The value of a binary16 pattern, from the definition. */
function float16ByDefinition(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

describe("binary16", () => {
  test("widening equals the definition for every pattern", () => {
    const wide = widenFloat16(everyPattern);
    for (const bits of everyPattern) expect(Object.is(wide[bits], float16ByDefinition(bits))).toBe(true);
  });

  test("every finite pattern survives a round trip, NaN stays NaN", () => {
    const back = narrowToFloat16(widenFloat16(everyPattern));
    for (const bits of everyPattern) {
      if (Number.isNaN(float16ByDefinition(bits))) expect(float16ByDefinition(back[bits]!)).toBeNaN();
      else expect(back[bits]).toBe(bits);
    }
  });

  test("ties round to even, anything else to the nearest", () => {
    for (let low = 0; low < 0x7bff; low += 7) {
      const middle = (float16ByDefinition(low) + float16ByDefinition(low + 1)) / 2;
      const bits = new Uint32Array(Float32Array.of(middle).buffer)[0]!;
      expect(narrowToFloat16(f32(bits))[0]).toBe(low + (low & 1));
      expect(narrowToFloat16(f32(bits - 1))[0]).toBe(low);
      expect(narrowToFloat16(f32(bits + 1))[0]).toBe(low + 1);
      expect(narrowToFloat16(f32(bits + 0x80000000))[0]).toBe(0x8000 + low + (low & 1));
    }
  });

  test.each([
    [65519.996, 0x7bff],
    [65520, 0x7c00],
    [1e30, 0x7c00],
    [-1e30, 0xfc00],
    [Number.POSITIVE_INFINITY, 0x7c00],
    [2 ** -25, 0],
    [2 ** -25 * 1.0001, 1],
    [-1e-40, 0x8000],
  ])("%d narrows to %d", (value, bits) => {
    expect(narrowToFloat16(Float32Array.of(value))[0]).toBe(bits);
  });

  test("a NaN whose payload lies in the dropped bits stays NaN", () => {
    expect(float16ByDefinition(narrowToFloat16(f32(0x7f800001))[0]!)).toBeNaN();
    expect(widenBfloat16(narrowToBfloat16(f32(0xff800001)))[0]).toBeNaN();
  });
});

describe("bfloat16", () => {
  test("every pattern survives a round trip, NaN stays NaN", () => {
    const wide = widenBfloat16(everyPattern);
    const back = narrowToBfloat16(wide);
    for (const bits of everyPattern) {
      if (Number.isNaN(wide[bits])) expect(widenBfloat16(back.subarray(bits, bits + 1))[0]).toBeNaN();
      else expect(back[bits]).toBe(bits);
    }
  });

  test.each([
    [0x3f808000, 0x3f80],
    [0x3f818000, 0x3f82],
    [0x3f808001, 0x3f81],
    [0x3f807fff, 0x3f80],
    [0x7f7fffff, 0x7f80],
    [0x00000001, 0],
    [0x00008001, 1],
    [0x80000000, 0x8000],
  ])("the float32 pattern %d narrows to %d", (from, to) => {
    expect(narrowToBfloat16(f32(from))[0]).toBe(to);
  });
});
