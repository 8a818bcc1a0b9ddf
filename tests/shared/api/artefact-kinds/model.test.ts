import { describe, expect, it } from "vitest";
import { checkFileList, type StoredFile } from "../../../../shared/api/artefacts.ts";

const files = (...names: string[]) => names.map((name): StoredFile => ({ name, bytes: 1, sha256: "0".repeat(64) }));
const tokenizer = ["config.json", "tokenizer.json", "tokenizer_config.json"];
const shards = (...names: string[]) => files(...tokenizer, "model.safetensors.index.json", ...names);

describe("a model's files", () => {
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
