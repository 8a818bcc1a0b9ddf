import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const RESULTS = join(import.meta.dirname, "results");

/** Saves a benchmark's figures in the folder `results`. */
export function keepResult(name: string, content: object | string): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, name), typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`);
}
