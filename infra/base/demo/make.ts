/**
 * Writes the demo dataset, `sailor.jsonl` and `sailor-validation.jsonl`, to this folder:
 *
 *     node infra/base/demo/make.ts
 */
import { writeFile } from "node:fs/promises";
import { sailorDataset, toJsonLines } from "./sailor.ts";

const { training, validation } = sailorDataset();
await writeFile(new URL("sailor.jsonl", import.meta.url), toJsonLines(training));
await writeFile(new URL("sailor-validation.jsonl", import.meta.url), toJsonLines(validation));
console.log(`${training.length} training lines, ${validation.length} validation lines`);
