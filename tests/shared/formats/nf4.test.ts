import { describe, expect, test } from "vitest";
import { dequantiseNf4, NF4_LEVELS, quantiseNf4 } from "../../../shared/formats/nf4.ts";
import { createRandom } from "../../../shared/random.ts";
import { bits, bytes, cases, floats } from "./nf4-goldens.ts";

describe("against bitsandbytes, bit for bit", () => {
  test.each(cases)("%s", (name) => {
    const input = floats(`${name}.input`);
    const quantised = quantiseNf4(input);
    expect([...quantised.packed]).toEqual([...bytes(`${name}.packed`)]);
    expect(bits(quantised.absmax)).toEqual(bits(floats(`${name}.absmax`)));
    expect(bits(dequantiseNf4(quantised, input.length))).toEqual(bits(floats(`${name}.values`)));
  });
});

describe("the format", () => {
  test("puts the first of two numbers in the high half of a byte", () => {
    const { packed, absmax } = quantiseNf4(Float32Array.of(1, -1, 0));
    expect([...packed]).toEqual([0xf0, 0x77]);
    expect([...absmax]).toEqual([1]);
  });

  test("keeps every level exactly, and rounds ties down", () => {
    const levels = Float32Array.from(NF4_LEVELS);
    expect(dequantiseNf4(quantiseNf4(levels), 16)).toEqual(levels);
    const middle = Math.fround(NF4_LEVELS[7]! + NF4_LEVELS[8]!) / 2;
    expect(dequantiseNf4(quantiseNf4(Float32Array.of(1, middle)), 2)[1]).toBe(0);
  });

  test("has the error on normal data in blocks of 64 that bitsandbytes measures", () => {
    const random = createRandom(5, "nf4 error");
    const values = Float32Array.from({ length: 2 ** 22 }, () => random.normal());
    const restored = dequantiseNf4(quantiseNf4(values), values.length);
    let [sum, relative] = [0, 0];
    values.forEach((value, i) => {
      const error = Math.abs(value - restored[i]!);
      sum += error;
      relative += error / (Math.abs(value) + 1e-8);
    });
    // Its figures for 2²⁰ values at a time; the second is the mean and spread over 40 seeds of its own kernels.
    expect(Math.abs(sum / values.length - 0.072798)).toBeLessThan(0.000074);
    expect(Math.abs(relative / values.length - 0.2034)).toBeLessThan(0.0004);
  });

  test("rejects values that are not finite", () => {
    expect(() => quantiseNf4(Float32Array.of(1, Number.NaN))).toThrow(
      "value 1 is NaN, which cannot be quantised to 4 bits",
    );
    expect(() => quantiseNf4(Float32Array.of(Number.NEGATIVE_INFINITY))).toThrow("value 0 is -Infinity");
  });

  test("rejects missing bytes or scales", () => {
    const { packed, absmax } = quantiseNf4(new Float32Array(128));
    expect(() => dequantiseNf4({ packed, absmax: absmax.subarray(1) }, 128)).toThrow(
      "128 NF4 values need 64 bytes and 2 scales, but got 64 and 1",
    );
    expect(() => dequantiseNf4({ packed, absmax }, 126)).toThrow("126 NF4 values need 63 bytes");
  });
});
