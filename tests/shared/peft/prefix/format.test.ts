import { describe, expect, it } from "vitest";
import { fromF32 } from "../../../../shared/formats/safetensors.ts";
import { readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { prefixFormat } from "../../../../shared/peft/prefix/format.ts";
import {
  logitsOf,
  type PeftGolden,
  peftGolden,
  served,
  withConfig,
  withTensors,
} from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const plain = await peftGolden("prefix");
const read = ({ base }: PeftGolden, folder: ReadonlyMap<string, Uint8Array>) =>
  readAdapterFolder(folder, base, new Map([["prefix", prefixFormat]]));
const stored = (shape: number[], value = 1) => ({
  dtype: "F32" as const,
  shape,
  bytes: fromF32(new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(value), "F32"),
});

it.each(["prefix", "prefix-qwen2", "prefix-tied", "prefix-projection"])(
  "serves a folder by peft as peft computes: %s",
  async (name) => {
    const golden = await peftGolden(name);
    const { method, delta, parameters } = await read(golden, golden.folder);
    const { layers, kvHeads, headDim } = golden.config;
    expect([method, parameters]).toEqual(["prefix", 4 * 2 * layers * kvHeads * headDim]);
    const logits = await logitsOf(golden, served(golden.config, delta));
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
  },
);

describe("errors name what is wrong", () => {
  it.each<[string, () => ReadonlyMap<string, Uint8Array>, string]>([
    [
      "no tensor",
      () => withTensors(plain.folder, (t) => t.delete("prompt_embeddings")),
      "adapter_model.safetensors lacks the tensor prompt_embeddings",
    ],
    [
      "the network behind it",
      () => withTensors(plain.folder, (t) => t.set("transform.0.weight", stored([2, 2]))),
      'the tensor "transform.0.weight" matches no part of the adapter',
    ],
    [
      "a number of positions that the file does not have",
      () => withConfig(plain.folder, { num_virtual_tokens: 3 }),
      "the tensor prompt_embeddings has shape [4, 64], but the base model needs [3, 64]",
    ],
    [
      "another base's layers",
      () => withConfig(plain.folder, { num_layers: 3 }),
      "adapter_config.json: num_layers is not supported; must be 2 or null",
    ],
    [
      "another base's heads",
      () => withConfig(plain.folder, { num_attention_heads: 4 }),
      "adapter_config.json: num_attention_heads is not supported; must be 2 or null",
    ],
    [
      "another base's width",
      () => withConfig(plain.folder, { token_dim: 32 }),
      "adapter_config.json: token_dim is not supported; must be 16 or null",
    ],
    [
      "more positions than the context",
      () =>
        withConfig(
          withTensors(plain.folder, (t) => t.set("prompt_embeddings", stored([60, 64]))),
          { num_virtual_tokens: 60 },
        ),
      "num_virtual_tokens is 60, which leaves no room for text",
    ],
    [
      "values that are not numbers",
      () => withTensors(plain.folder, (t) => t.set("prompt_embeddings", stored([4, 64], Number.POSITIVE_INFINITY))),
      "whose element 0 is not finite",
    ],
    [
      "no task, for which peft ignores the prefix",
      () => withConfig(plain.folder, { task_type: null }),
      'adapter_config.json: task_type must be "CAUSAL_LM"',
    ],
  ])("%s", async (_name, folder, message) => {
    await expect(read(plain, folder())).rejects.toMatchObject({
      code: "invalid_delta",
      message: expect.stringContaining(message),
    });
  });
});
