import { expect, it } from "vitest";
import { toF32 } from "../../../../shared/formats/safetensors.ts";
import { parseAdapterFolder, readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { promptFormat } from "../../../../shared/peft/prompt/format.ts";
import { promptResult } from "../../../../shared/peft/prompt/publish.ts";
import { PromptSettings } from "../../../../shared/peft/prompt/settings.ts";
import { adapterOf } from "../../../support/peft.ts";
import { goldenFile, peftGolden } from "../../../support/peft-golden.ts";

const { config, weights, base, folder } = await peftGolden("prompt");
const values = goldenFile("prompt", "adapter_model.safetensors");

function publish(given: object = {}) {
  const settings = PromptSettings.parse({ type: "prompt", num_virtual_tokens: 5, ...given });
  return adapterOf(promptResult, {
    config,
    settings,
    seed: 1,
    values,
    weights,
    base: { id: "owner/tiny", files: new Map() },
  });
}

it("writes the folder that peft wrote, but for the names of the base and of how the prompt began", async () => {
  const [own, theirs] = [(await publish()).files, folder].map((files) => parseAdapterFolder(files));
  const { peft_version: _, ...expected } = theirs!.config;
  const names = { base_model_name_or_path: "owner/tiny", prompt_tuning_init: "SAMPLE_VOCAB" };
  expect(own!.config).toEqual({ ...expected, ...names });
  expect([...own!.tensors.keys()]).toEqual(["prompt_embeddings"]);
  const [ownPrompt, theirPrompt] = [own!, theirs!].map(({ tensors }) => tensors.get("prompt_embeddings")!);
  expect(ownPrompt!.shape).toEqual(theirPrompt!.shape);
  expect(toF32(ownPrompt!)).toEqual(toF32(theirPrompt!));
});

it("names a tokenizer beside a text, which peft asks for", async () => {
  const { config: json } = parseAdapterFolder(
    (await publish({ prompt_tuning_init: "TEXT", prompt_tuning_init_text: "Hi" })).files,
  );
  expect(json).toMatchObject({ prompt_tuning_init_text: "Hi", tokenizer_name_or_path: "owner/tiny" });
});

it("reads back as what is served", async () => {
  const { method, delta, parameters, files } = await publish();
  expect([method, parameters]).toEqual(["prompt", 5 * config.hiddenSize]);
  const read = await readAdapterFolder(files, base, new Map([["prompt", promptFormat]]));
  expect(read.delta).toEqual(delta);
});
