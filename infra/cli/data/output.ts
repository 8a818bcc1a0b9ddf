/** Lines written to a file that appears whole or not at all. */

import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { finished } from "node:stream/promises";
import { TrimtabError } from "../../../shared/errors.ts";

/** `train.csv.gz` and "fixed" → `train-fixed.jsonl`, in the same folder. */
export function resultPath(path: string, suffix: string): string {
  return `${path.replace(/\.(?:gz|zst)$/i, "").replace(/\.(?:jsonl?|csv|tsv|parquet|ndjson)$/i, "")}-${suffix}.jsonl`;
}

/** Throws `conflict` where the file exists and may not be replaced. */
export function requireFree(path: string, force: boolean): void {
  if (force || !existsSync(path)) return;
  throw new TrimtabError("conflict", `${path} exists. Name another file with --out, or replace it with --force.`, {
    param: "out",
  });
}

/** @returns how many lines were written */
export async function writeLines(path: string, values: AsyncIterable<unknown> | Iterable<unknown>): Promise<number> {
  const part = `${path}.part`;
  const stream = createWriteStream(part);
  let lines = 0;
  try {
    for await (const value of values) {
      lines += 1;
      if (!stream.write(`${JSON.stringify(value)}\n`)) await once(stream, "drain");
    }
    stream.end();
    await finished(stream);
    await rename(part, path);
    return lines;
  } catch (error) {
    stream.destroy();
    await rm(part, { force: true });
    throw error;
  }
}
