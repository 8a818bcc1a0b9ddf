import { describe, expect, it } from "vitest";
import { checkFileList, checkFileName, type StoredFile } from "../../../../shared/api/artefacts.ts";

const files = (...names: string[]) => names.map((name): StoredFile => ({ name, bytes: 1, sha256: "0".repeat(64) }));

describe("a delta's files", () => {
  const own = ["manifest.json", "serving.safetensors"];
  const adapter = (folder: string, weights = "adapter_model") => [
    `${folder}adapter_config.json`,
    `${folder}${weights}.safetensors`,
  ];

  it("takes one adapter at the top, as peft or AdapterHub calls its files, or one in each of several folders", () => {
    checkFileList("delta", files(...own, ...adapter("")), "files");
    checkFileList("delta", files(...own, "README.md", ...adapter("", "adapter")), "files");
    checkFileList("delta", files(...own, "scorer.safetensors", ...adapter("")), "files");
    checkFileList("delta", files(...own, "scorer.safetensors"), "files");
    const three = [...adapter("2-lora/"), ...adapter("0-prefix/"), ...adapter("1-bottleneck/", "adapter")];
    checkFileList("delta", files(...own, ...three), "files");
    const many = Array.from({ length: 11 }, (_, index) => adapter(`${index}-lora/`)).flat();
    checkFileList("delta", files(...own, ...many), "files");
  });

  it.each([
    ["no manifest", ["serving.safetensors", ...adapter("")], "The delta lacks manifest.json."],
    ["no serving form", ["manifest.json", ...adapter("")], "The delta lacks serving.safetensors."],
    ["no adapter", own, "The delta lacks an adapter: adapter_config.json and adapter_model.safetensors."],
    ["no configuration", [...own, "0-lora/adapter_model.safetensors"], "The delta lacks 0-lora/adapter_config.json."],
    ["no tensors", [...own, "adapter_config.json"], "The delta lacks adapter_model.safetensors."],
    [
      "tensors under both names",
      [...own, ...adapter("0-lora/"), "0-lora/adapter.safetensors"],
      "two files of tensors for one adapter: 0-lora/adapter_model.safetensors, adapter.safetensors",
    ],
    [
      "adapters at the top and below",
      [...own, ...adapter(""), ...adapter("0-lora/")],
      "at the top and others in folders",
    ],
    ["a folder that is not there", [...own, ...adapter("0-lora/"), ...adapter("2-prefix/")], "not counted from 0"],
    ["a number twice", [...own, ...adapter("0-lora/"), ...adapter("0-prefix/")], "counted from 0: 0-lora, 0-prefix"],
  ])("refuses %s", (_, names, message) => {
    expect(() => checkFileList("delta", files(...names), "result.files")).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "result.files",
        message: expect.stringContaining(message),
      }),
    );
  });

  it.each([
    "0-lora/manifest.json",
    "0-lora/serving.safetensors",
    "lora/adapter_config.json",
    "0-LoRA/adapter_config.json",
    "0-/adapter_config.json",
    "100-lora/adapter_config.json",
    "0-lora/0-lora/adapter_config.json",
    "0-../adapter_config.json",
    "../0-lora/adapter_config.json",
    "/0-lora/adapter_config.json",
    "0-lora\\adapter_config.json",
    "0-lora//adapter_config.json",
    "0-lora/adapter_config.json\n",
  ])("refuses the name %j", (name) => {
    expect(() => checkFileName("delta", name, "name")).toThrow(/not allowed/);
  });
});
