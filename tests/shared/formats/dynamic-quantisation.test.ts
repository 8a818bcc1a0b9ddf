import { describe, expect, test } from "vitest";
import { DYNAMIC_MAP, dequantiseDynamic, quantiseDynamic } from "../../../shared/formats/dynamic-quantisation.ts";
import { bits, blockwise, bytes, floats } from "./nf4-goldens.ts";

test("the map is bitsandbytes' signed dynamic map", () => {
  expect(bits(Float32Array.from(DYNAMIC_MAP))).toEqual(bits(floats("map")));
});

describe("against bitsandbytes, bit for bit", () => {
  test.each(blockwise)("%s", (name) => {
    const quantised = quantiseDynamic(floats(`${name}.input`));
    expect([...quantised.codes]).toEqual([...bytes(`${name}.codes`)]);
    expect(bits(quantised.absmax)).toEqual(bits(floats(`${name}.absmax`)));
    expect(bits(dequantiseDynamic(quantised))).toEqual(bits(floats(`${name}.values`)));
  });
});
