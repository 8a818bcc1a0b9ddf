import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./programs.ts";

/** The README's fenced blocks of one language, in order. */
export function readmeBlocks(language: string): string[] {
  const text = readFileSync(join(ROOT, "README.md"), "utf8");
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, found, block]) =>
    found === language && block !== undefined ? [block] : [],
  );
}

/** The one block that holds `marker`; the README is wrong where there is another number of them. */
export function readmeBlock(language: string, marker: string): string {
  const found = readmeBlocks(language).filter((block) => block.includes(marker));
  if (found.length !== 1)
    throw new Error(`The README has ${found.length} ${language} blocks with ${marker}, expected 1.`);
  return found[0] as string;
}
