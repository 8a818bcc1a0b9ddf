import { describe, expect, it } from "vitest";
import { fromF32 } from "../../../../shared/formats/safetensors.ts";
import { readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { promptFormat } from "../../../../shared/peft/prompt/format.ts";
import {
  logitsOf,
  type PeftGolden,
  peftGolden,
  served,
  withConfig,
  withTensors,
} from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const plain = await peftGolden("prompt");
const { hiddenSize } = plain.config;
const read = ({ base }: PeftGolden, folder: ReadonlyMap<string, Uint8Array>) =>
  readAdapterFolder(folder, base, new Map([["prompt", promptFormat]]));
const stored = (shape: number[], value = 1) => ({
  dtype: "F32" as const,
  shape,
  bytes: fromF32(new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(value), "F32"),
});

it.each(["prompt", "prompt-qwen2"])("serves a folder by peft as peft computes: %s", async (name) => {
  const golden = await peftGolden(name);
  const { method, delta, parameters } = await read(golden, golden.folder);
  expect([method, parameters]).toEqual(["prompt", golden.json.trainableParameters]);
  const logits = await logitsOf(golden, served(golden.config, delta));
  expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
});

it("does not mind how the prompt began", async () => {
  const text = {
    prompt_tuning_init: "TEXT",
    prompt_tuning_init_text: "Hi",
    tokenizer_name_or_path: "x",
    token_dim: null,
  };
  expect((await read(plain, withConfig(plain.folder, text))).delta).toEqual((await read(plain, plain.folder)).delta);
});

describe("errors name what is wrong", () => {
  it.each<[string, () => ReadonlyMap<string, Uint8Array>, string]>([
    [
      "no tensor",
      () => withTensors(plain.folder, (t) => t.delete("prompt_embeddings")),
      "adapter_model.safetensors lacks the tensor prompt_embeddings",
    ],
    [
      "another tensor",
      () => withTensors(plain.folder, (t) => t.set("prompt_encoder.embedding.weight", stored([1]))),
      'the tensor "prompt_encoder.embedding.weight" matches no part of the adapter',
    ],
    [
      "a number of tokens that the file does not have",
      () => withConfig(plain.folder, { num_virtual_tokens: 6 }),
      `the tensor prompt_embeddings has shape [5, ${hiddenSize}], but the base model needs [6, ${hiddenSize}]`,
    ],
    [
      "another base's width",
      () => withConfig(plain.folder, { token_dim: 64 }),
      `adapter_config.json: token_dim is not supported; must be ${hiddenSize} or null`,
    ],
    [
      "more tokens than the context",
      () =>
        withConfig(
          withTensors(plain.folder, (t) => t.set("prompt_embeddings", stored([64, hiddenSize]))),
          { num_virtual_tokens: 64 },
        ),
      "adapter_config.json: num_virtual_tokens is 64, which leaves no room for text in the base model's context of 64 tokens",
    ],
    [
      "values that are not numbers",
      () => withTensors(plain.folder, (t) => t.set("prompt_embeddings", stored([5, hiddenSize], Number.NaN))),
      "whose element 0 is not finite",
    ],
    [
      "an encoder and a decoder",
      () => withConfig(plain.folder, { num_transformer_submodules: 2 }),
      "num_transformer_submodules is not supported; must be 1 or null",
    ],
    [
      "no task, for which peft ignores the prompt",
      () => withConfig(plain.folder, { task_type: null }),
      'adapter_config.json: task_type must be "CAUSAL_LM"',
    ],
    [
      "a field of another method",
      () => withConfig(plain.folder, { prefix_projection: true }),
      "prefix_projection is not supported",
    ],
  ])("%s", async (_name, folder, message) => {
    await expect(read(plain, folder())).rejects.toMatchObject({
      code: "invalid_delta",
      message: expect.stringContaining(message),
    });
  });
});
