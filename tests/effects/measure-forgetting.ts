/**
 * `npm run eval:forgetting`: what training on the sailor's chats takes of what the embedded base knew, alone, with rehearsal and with
 * elastic weight consolidation, over three seeds, as the rows of the table in docs/training/keeping.md.
 */
import { type Kept, SAILOR, sailorRun } from "./support/forgetting-effects.ts";

const SEEDS = [1, 2, 3];
const NAMES = {
  plain: "neither",
  rehearsal: '`rehearsal_file: "base"`, `rehearsal_ratio: 0.5`',
  ewc: "`ewc_lambda: 10000`",
};

console.log(
  "| Kept by | Rise of the base's held-out loss | Facts known before → after, % | Task loss |\n|---|---|---|---|",
);
for (const [name, shown] of Object.entries(NAMES) as [keyof typeof NAMES, string][]) {
  const runs: Kept[] = [];
  for (const seed of SEEDS) runs.push(await sailorRun({ ...SAILOR[name], seed }));
  const cells = [
    shown,
    runs.map(({ forgotten }) => forgotten.toFixed(4)).join(", "),
    runs.map(({ facts }) => facts.map((share) => (100 * share).toFixed(1)).join(" → ")).join(", "),
    runs.map(({ task }) => task.toFixed(4)).join(", "),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}
