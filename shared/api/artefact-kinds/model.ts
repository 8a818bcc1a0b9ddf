import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ArtefactKindRow } from "./kind.ts";

const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;
const INDEX = "model.safetensors.index.json";

/** A Hugging Face folder: a base model, or a model that was fine-tuned in full. */
export const model: ArtefactKindRow = {
  fileNames: [
    /^config\.json$/,
    /^model\.safetensors$/,
    SHARD,
    /^model\.safetensors\.index\.json$/,
    /^tokenizer\.json$/,
    /^tokenizer_config\.json$/,
    /^generation_config\.json$/,
    /^special_tokens_map\.json$/,
    /^chat_template\.jinja$/,
    /^manifest\.json$/,
    /^README\.md$/,
    /^evaluation\.json$/,
    /^corpus\.jsonl$/,
  ],
  requiredFiles: ["config.json", "tokenizer.json", "tokenizer_config.json"],
  checkNames: checkWeightFiles,
  folder: "models",
  unsound: "invalid_model",
  manifest: null,
  serves: "weights",
  object: "model",
};

function checkWeightFiles(names: ReadonlySet<string>, param: string): void {
  const shards = [...names].filter((name) => SHARD.test(name)).sort();
  const single = names.has("model.safetensors");
  if (single === shards.length > 0) {
    const message = single
      ? "The model has both model.safetensors and shards: send one of the two."
      : "The model lacks its weights: send model.safetensors, or its shards with model.safetensors.index.json.";
    throw new TrimtabError("invalid_request", message, { param });
  }
  if (single) return;
  const count = Number(shards[0]?.slice(15, 20));
  const expected = Array.from({ length: Math.min(count, LIMITS.modelFiles) }, (_, i) => shardName(i + 1, count));
  if (expected.length !== shards.length || expected.some((name, i) => name !== shards[i])) {
    throw new TrimtabError("invalid_request", `The shards are not complete: ${count} are announced by their names.`, {
      param,
    });
  }
  if (!names.has(INDEX)) {
    throw new TrimtabError("invalid_request", `A sharded model needs ${INDEX}.`, { param });
  }
}

function shardName(index: number, count: number): string {
  return `model-${String(index).padStart(5, "0")}-of-${String(count).padStart(5, "0")}.safetensors`;
}
