import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const RESULTS = join(import.meta.dirname, "results");

/** Keeps a file of a benchmark's figures beside those of the others. */
export function keepResult(name: string, content: object | string): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, name), typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`);
}
