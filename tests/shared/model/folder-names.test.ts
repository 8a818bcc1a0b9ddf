import { expect, it } from "vitest";
import { folderNameProblems } from "../../../shared/model/folder-names.ts";

const OTHERS = ["config.json", "tokenizer.json", "tokenizer_config.json", "README.md"];
const read = (...names: string[]) => folderNameProblems(names).map(({ file, reason }) => `${file}: ${reason}`);

it("accepts a model in one file or in shards, with other files beside it", () => {
  expect(read(...OTHERS, "model.safetensors", "pytorch_model.bin", "optimizer.pt")).toEqual([]);
  expect(read(...OTHERS, "model-00001-of-00001.safetensors", "model.safetensors.index.json")).toEqual([]);
});

it.each([
  ["pytorch_model.bin", /^pickled weights can run code.*safe_serialization=True/],
  ["pytorch_model-00001-of-00002.bin", /^pickled weights/],
  ["consolidated.00.pth", /^pickled weights/],
  ["model-q4_k_m.gguf", /^GGUF files are not supported; use the original/],
  ["tf_model.h5", /^weights of other frameworks/],
  ["model.onnx", /^compiled models/],
  ["consolidated.safetensors", /^this is the layout of another library/],
])("says what to do with %s", (name, reason) => {
  expect(folderNameProblems([...OTHERS, name])).toEqual([
    { file: name, field: "", reason: expect.stringMatching(reason) },
  ]);
});

it("names what is missing, all at once", () => {
  expect(read("config.json", "vocab.json", "merges.txt")).toEqual([
    "model.safetensors: missing",
    "tokenizer.json: missing; write it with `AutoTokenizer.from_pretrained(folder).save_pretrained(folder)`",
    "tokenizer_config.json: missing; write it with `AutoTokenizer.from_pretrained(folder).save_pretrained(folder)`",
  ]);
  expect(read(...OTHERS, "model-00001-of-00002.safetensors")).toEqual([
    "model.safetensors.index.json: missing; it says which shard holds which tensor",
  ]);
});

it("recognises adapters and quantised checkpoints", () => {
  expect(read("adapter_config.json", "adapter_model.safetensors")).toEqual([
    "adapter_config.json: this is an adapter, not a model; upload it as a delta, and its base as the model",
  ]);
  expect(read(...OTHERS, "model.safetensors", "quantize_config.json")).toEqual([
    "quantize_config.json: the weights are quantised, which is not supported; use the original checkpoint",
  ]);
});
