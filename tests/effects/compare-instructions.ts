/**
 * `npm run eval:instructions -- ITEMS STRICT LOOSE`: how far the verifiers agree, line by line, with what a reference published of its
 * own: prompts with instructions, and its results, strict and loose, with the responses in them.
 */
import { readFileSync } from "node:fs";
import { publishedInstructions } from "../../shared/evaluation/instructions/published.ts";
import { followsLoosely, followsStrictly, type Instruction } from "../../shared/evaluation/instructions/registry.ts";

interface Item {
  readonly prompt: string;
  readonly instruction_id_list: readonly string[];
  readonly kwargs: readonly unknown[];
}

interface Result {
  readonly prompt: string;
  readonly response: string;
  readonly instruction_id_list: readonly string[];
  readonly follow_instruction_list: readonly boolean[];
}

const [itemsFile, ...resultFiles] = process.argv.slice(2);
if (itemsFile === undefined || resultFiles.length !== 2) {
  console.error("Usage: npm run eval:instructions -- ITEMS.jsonl STRICT.jsonl LOOSE.jsonl");
  process.exit(2);
}

function linesOf<T>(file: string): T[] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line.trim() !== "").map((line) => JSON.parse(line) as T);
}

const items = new Map(linesOf<Item>(itemsFile).map((item) => [item.prompt.trim(), item]));
const tallies = new Map<string, { same: number; n: number }>();
const misses: string[] = [];
let unmatched = 0;
let slowest = 0;
for (const [mode, follows] of [followsStrictly, followsLoosely].entries()) {
  for (const [line, result] of linesOf<Result>(resultFiles[mode]!).entries()) {
    const item = items.get(result.prompt.trim());
    if (item === undefined) {
      unmatched += 1;
      continue;
    }
    const instructions = publishedInstructions(item.instruction_id_list, item.kwargs, "item");
    for (const [i, instruction] of instructions.entries()) {
      const start = performance.now();
      const got = follows(result.response, instruction as Instruction);
      slowest = Math.max(slowest, performance.now() - start);
      const expected = result.follow_instruction_list[i];
      const tally = tallies.get(instruction.kind) ?? { same: 0, n: 0 };
      tallies.set(instruction.kind, { same: tally.same + Number(got === expected), n: tally.n + 1 });
      if (got !== expected) {
        misses.push(
          `${mode === 0 ? "strict" : "loose"} line ${line + 1}, ${instruction.kind}: published ${expected}, here ${got}`,
        );
      }
    }
  }
}

const total = { same: 0, n: 0 };
for (const [kind, { same, n }] of [...tallies].sort()) {
  total.same += same;
  total.n += n;
  console.log(`${kind.padEnd(48)} ${same} of ${n}`);
}
console.log(`${"all".padEnd(48)} ${total.same} of ${total.n} (${((100 * total.same) / total.n).toFixed(2)} %)`);
console.log(
  `results of prompts that the items do not have: ${unmatched}; the slowest verdict took ${slowest.toFixed(0)} ms`,
);
for (const miss of misses) console.log(miss);
