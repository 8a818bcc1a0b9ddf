/**
 * `npm run eval:alignment [WORD]`: what each way of training on preferences does to the embedded base, over three seeds, as the rows of
 * the table in docs/alignment/effects.md; with a word, only the rows that have it in their names. Takes a minute or two for each row.
 */
import { ALIGNMENT_EFFECTS, type Change, changeBy } from "./support/alignment-effects.ts";

const SEEDS = [1, 2, 3];
const [word = ""] = process.argv.slice(2);
const percent = (changes: readonly Change[], of: (change: Change) => number) =>
  changes.map((change) => (100 * of(change)).toFixed(1)).join(", ");

console.log(
  "| Method | Setting | Polite before, % | Polite after, % | Rude after, % | Facts before, % | Facts after, % |",
);
console.log("|---|---|---|---|---|---|---|");
for (const effect of ALIGNMENT_EFFECTS) {
  if (!effect.name.includes(word)) continue;
  const changes: Change[] = [];
  for (const seed of SEEDS) changes.push(await changeBy(effect, { seed, samples: 8, everyFact: 2 }));
  const cells = [
    effect.name,
    effect.setting,
    percent(changes, ({ before }) => before.polite),
    percent(changes, ({ after }) => after.polite),
    percent(changes, ({ after }) => after.rude),
    percent(changes, ({ before }) => before.facts),
    percent(changes, ({ after }) => after.facts),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}
