/**
 * `npm run eval:mixture`: two tasks trained on alone and mixed, on the embedded base, over three seeds, as the rows of the table in
 * docs/data/formats.md.
 */
import { TASKS, type Task, trainedOn } from "./support/two-tasks.ts";

const SEEDS = [1, 2, 3];
const RUNS: Readonly<Record<string, readonly Task[]>> = {
  "the sailor alone": ["sailor"],
  "verdicts alone": ["verdict"],
  "both, mixed": TASKS,
};

console.log("| Trained on | The sailor, % | Verdicts, % |\n|---|---|---|");
for (const [shown, tasks] of Object.entries(RUNS)) {
  const runs: Record<Task, number>[] = [];
  for (const seed of SEEDS) runs.push(await trainedOn(tasks, seed));
  const cells = TASKS.map((task) => runs.map((points) => points[task].toFixed(2)).join(", "));
  console.log(`| ${[shown, ...cells].join(" | ")} |`);
}
