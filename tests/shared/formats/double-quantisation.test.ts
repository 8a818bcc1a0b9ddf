import { describe, expect, test } from "vitest";
import { dequantiseScales, mean, quantiseScales } from "../../../shared/formats/double-quantisation.ts";
import { dequantiseNf4 } from "../../../shared/formats/nf4.ts";
import { bits, bytes, cases, floats, means, ramp } from "./nf4-goldens.ts";

describe("against bitsandbytes, bit for bit", () => {
  test.each(cases)("%s", (name) => {
    const scales = quantiseScales(floats(`${name}.absmax`));
    expect([...scales.codes]).toEqual([...bytes(`${name}.codes`)]);
    expect(bits(scales.absmax)).toEqual(bits(floats(`${name}.absmax2`)));
    expect(scales.offset).toBe(floats(`${name}.offset`)[0]);
    const absmax = dequantiseScales(scales);
    expect(bits(absmax)).toEqual(bits(floats(`${name}.scales`)));
    const count = floats(`${name}.input`).length;
    const values = dequantiseNf4({ packed: bytes(`${name}.packed`), absmax }, count);
    expect(bits(values)).toEqual(bits(floats(`${name}.values2`)));
  });
});

test("a 4-bit weight costs 4.127 bits in all", () => {
  const weights = 2 ** 22;
  const { codes, absmax } = quantiseScales(new Float32Array(weights / 64).fill(1));
  const bitsPerWeight = 4 + (8 * (codes.byteLength + absmax.byteLength)) / weights;
  expect(bitsPerWeight).toBeCloseTo(4.127, 3);
});

test.each(means)("the mean of %i values is PyTorch's to the last bit", (count, expected) => {
  expect(mean(ramp(count))).toBe(expected);
});
