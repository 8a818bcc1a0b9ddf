import { expect, it } from "vitest";
import { quantisedBy } from "../../../shared/model/quantised-checkpoint.ts";

it.each([
  [{ quantization_config: { quant_method: "gptq", bits: 4 } }, "quantization_config", "weights quantised with GPTQ"],
  [{ quantization_config: { quant_method: "awq" } }, "quantization_config", "weights quantised with AWQ"],
  [{ quantization_config: { load_in_4bit: true } }, "quantization_config", "weights quantised with bitsandbytes"],
  [{ quantization_config: { quant_method: "fp8" } }, "quantization_config", "weights quantised with FP8"],
  [{ quantization_config: { quant_method: "new" } }, "quantization_config", "quantised weights"],
  [{ quantization: { group_size: 64, bits: 4 } }, "quantization", "quantised weights (group_size, bits)"],
])("names the method of %j", (json, field, what) => {
  expect(quantisedBy(json)).toEqual({
    field,
    reason: `${what} are not supported; use the original checkpoint in float32, float16 or bfloat16`,
  });
});

it("takes a null or missing field as whole weights", () => {
  expect(quantisedBy({ quantization_config: null })).toBeUndefined();
  expect(quantisedBy({})).toBeUndefined();
});
