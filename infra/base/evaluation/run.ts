/**
 * Evaluates a base model's folder, and exits with status 1 if a measure is below its required rate.
 *
 *     node infra/base/evaluation/run.ts [model folder] [--failures] [--card]
 *
 * `--failures` prints every wrong answer; `--card` writes the figures into the folder's README.md.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderCard } from "./card.ts";
import { type EvaluationReport, shortfalls } from "./evaluate.ts";
import { evaluateFolder } from "./evaluate-folder.ts";

const flags = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const given = process.argv.slice(2).find((argument) => !argument.startsWith("--"));
const folder = given ?? fileURLToPath(new URL("../model", import.meta.url));

const report = await evaluateFolder(folder, ({ measure, done, total }) => {
  if (process.stderr.isTTY) process.stderr.write(`\r${measure.padEnd(10)} ${String(done).padStart(5)} of ${total} `);
});
if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");

for (const measure of Object.keys(report) as (keyof EvaluationReport)[]) {
  const { right, total, rate, groups, failures } = report[measure];
  console.log(`${measure.padEnd(10)} ${right} of ${total} right: ${(100 * rate).toFixed(1)} %`);
  for (const [name, group] of Object.entries(groups)) {
    console.log(`  ${name.padEnd(28)} ${group.right} of ${group.total}`);
  }
  if (!flags.includes("--failures")) continue;
  for (const { prompt, expected, got } of failures) console.log(`    ${JSON.stringify({ prompt, expected, got })}`);
}
if (flags.includes("--card")) writeFileSync(`${folder}/README.md`, renderCard(report));
const missed = shortfalls(report);
for (const line of missed) console.error(line);
process.exitCode = missed.length > 0 ? 1 : 0;
