import { describe, expect, it } from "vitest";
import { checkFileList, checkFileName, folderDigest, type StoredFile } from "../../../shared/api/artefacts.ts";

const file = (name: string): StoredFile => ({ name, bytes: 1, sha256: "0".repeat(64) });
const files = (...names: string[]) => names.map(file);
const tokenizer = ["config.json", "tokenizer.json", "tokenizer_config.json"];
const shards = (...names: string[]) => files(...tokenizer, "model.safetensors.index.json", ...names);

describe("checkFileName", () => {
  it.each(["pytorch_model.bin", "model.pt", "weights.pkl"])("refuses %s because pickles run code", (name) => {
    expect(() => checkFileName("model", name, "name")).toThrow(/pickled weights can run code/);
  });

  it.each(["../config.json", "/etc/passwd", "a/config.json", "config.json ", "modeling.py", ""])(
    "refuses %j",
    (name) => {
      expect(() => checkFileName("model", name, "name")).toThrow(/not allowed/);
    },
  );

  it("knows each kind's own files", () => {
    checkFileName("delta", "adapter_model.safetensors", "name");
    expect(() => checkFileName("delta", "model.safetensors", "name")).toThrow(/not allowed/);
  });
});

describe("checkFileList", () => {
  it("takes a whole model, in one file or in shards", () => {
    checkFileList("model", files(...tokenizer, "model.safetensors"), "files");
    checkFileList("model", shards("model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"), "files");
  });

  it.each([
    ["a file twice", files(...tokenizer, "config.json"), "config.json is listed twice", "files[3].name"],
    [
      "a missing file",
      files("config.json", "model.safetensors"),
      "lacks tokenizer.json, tokenizer_config.json",
      "files",
    ],
    ["no weights", files(...tokenizer), "lacks its weights", "files"],
    ["both kinds of weights", shards("model.safetensors", "model-00001-of-00001.safetensors"), "both", "files"],
    ["a missing shard", shards("model-00001-of-00002.safetensors"), "2 are announced", "files"],
    [
      "shards of two sets",
      shards("model-00001-of-00002.safetensors", "model-00002-of-00003.safetensors"),
      "not complete",
      "files",
    ],
    ["shards without their index", files(...tokenizer, "model-00001-of-00001.safetensors"), "index.json", "files"],
  ])("refuses %s", (_, list, message, param) => {
    expect(() => checkFileList("model", list, "files")).toThrow(
      expect.objectContaining({ code: "invalid_request", param, message: expect.stringContaining(message) }),
    );
  });
});

describe("checkFileList of a delta", () => {
  const own = ["manifest.json", "serving.safetensors"];
  const adapter = (folder: string, weights = "adapter_model") => [
    `${folder}adapter_config.json`,
    `${folder}${weights}.safetensors`,
  ];

  it("takes one adapter at the top, as peft or AdapterHub calls its files, or one in each of several folders", () => {
    checkFileList("delta", files(...own, ...adapter("")), "files");
    checkFileList("delta", files(...own, "README.md", ...adapter("", "adapter")), "files");
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

describe("folderDigest", () => {
  it("depends on names, sizes and contents, and not on their order", async () => {
    const [a, b] = [file("a"), file("b")];
    const digest = await folderDigest([a, b]);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(await folderDigest([b, a])).toBe(digest);
    for (const change of [{ name: "c" }, { bytes: 2 }, { sha256: "1".repeat(64) }]) {
      expect(await folderDigest([a, { ...b, ...change }])).not.toBe(digest);
    }
  });
});
