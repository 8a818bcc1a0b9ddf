import { expect, test } from "vitest";
import { isBystander } from "../../../shared/package/bystanders.ts";

test.each([
  "a/b/__MACOSX/x",
  "x/._y",
  "sub/tokenizer.json",
  "checkpoint-5/optimizer.pt",
  "runs/a/b",
  "docs/plot.PNG",
  "Licence.txt",
])("%s may be left out", (path) => {
  expect(isBystander(path)).toBe(true);
});

test.each([
  ...["adapter_config.json", "adapter_model.safetensors", "adapter_model.bin", "pytorch_model.bin", "manifest.json"],
  ...[
    "serving.safetensors",
    "adapters.safetensors",
    "new_embeddings.safetensors",
    "model.pt",
    "script.py",
    "runs/best/adapter_config.json",
    "runs",
    "notes",
  ],
])("%s is not overlooked", (path) => {
  expect(isBystander(path)).toBe(false);
});
