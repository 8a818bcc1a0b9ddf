import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { renderDocument, takeDocuments } from "../../../infra/base/corpus/index.ts";
import { parseTrainingFile } from "../../../shared/data/training-lines.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import type { Tokenizer } from "../../../shared/model/tokenizer.ts";
import { type TokenizedExample, tokenizeDataset } from "../../../trainer/data/examples.ts";
import type { BaseFolder, Dataset } from "../../../trainer/recipes/recipe.ts";

const BASE = join(import.meta.dirname, "../../../infra/base");

/** Every contender gets the same examples in the same order. */
export const SEED = 7;
export const BATCH_SIZE = 24;

/** A stream of the base's corpus that pretraining did not use, and how many documents of it. */
const BASE_TEXT = { seed: 1_887, characters: 48_000, maxLength: 256 };

export async function embeddedBase(): Promise<BaseFolder> {
  const folder = join(BASE, "model");
  const files = new Map(readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));
  return { id: "trimtab-base", digest: await sha256Hex(files.get("model.safetensors")!), files };
}

/** The demo's data: the assistant becomes a sailor and keeps its knowledge. */
export async function sailor(part: "training" | "validation"): Promise<Dataset> {
  const name = part === "training" ? "sailor.jsonl" : "sailor-validation.jsonl";
  const bytes = new Uint8Array(readFileSync(join(BASE, "demo", name)));
  return { name, digest: await sha256Hex(bytes), bytes };
}

export async function examplesOf({ bytes, name }: Dataset, tokenizer: Tokenizer): Promise<readonly TokenizedExample[]> {
  const lines = parseTrainingFile(bytes, { name });
  return (await tokenizeDataset(lines, { tokenizer, maxLength: BASE_TEXT.maxLength })).examples;
}

/** Documents like those the base was trained on, each followed by the end-of-text token; every token is a target. */
export function baseText(tokenizer: Tokenizer): readonly TokenizedExample[] {
  return takeDocuments(BASE_TEXT.seed, BASE_TEXT.characters).map((document) => {
    const ids = [...tokenizer.encodeTrusted(renderDocument(document)), tokenizer.padId];
    const kept = Int32Array.from(ids.slice(0, BASE_TEXT.maxLength));
    return { ids: kept, labels: kept };
  });
}
