import { expect, it } from "vitest";
import { transposed } from "../../../../shared/model/weights.ts";
import { encoded } from "../../../../shared/peft/prefix/encoder.ts";
import { goldenFile } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

it("computes the flat prefix that peft saves", () => {
  const values = [...goldenFile("prefix-projection", "encoder.safetensors")].map(([name, value]) => {
    return [name, /transform.*weight/.test(name) ? transposed(value) : value] as const;
  });
  const flat = encoded(new Map(values));
  const expected = goldenFile("prefix-projection", "adapter_model.safetensors").get("prompt_embeddings")!;
  expect(flat.shape).toEqual(expected.shape);
  expect(largestDifference(flat.data, expected.data)).toBeLessThan(1e-6);
});
