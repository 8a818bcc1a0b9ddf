/** A model that learns from what it wrote repeats itself, unless filters hold the data apart. */
import { expect, it } from "vitest";
import { diversityOf } from "../../shared/synthesis/measures.ts";
import { wordsOf } from "../../shared/synthesis/words.ts";
import { embeddedBase } from "../fixtures/classifiers/train.ts";
import { makeData } from "./support/synthesis.ts";

const SETTINGS = { rounds: 5, per_round: 24, seed_share: 0, answers: "chat", max_tokens: 24, temperature: 0.6 };

it("fewer and fewer of the base's instructions are new over five rounds without filters, and all that filters keep are", async () => {
  const base = embeddedBase();
  const bare = await makeData(base, { ...SETTINGS, filters: {} }, 1);
  const novelty = bare.report.rounds.map((round) => round.novelty_of_kept!);
  expect(novelty).toHaveLength(5);
  expect(novelty[0]).toBeGreaterThan(0.8);
  expect((novelty[3]! + novelty[4]!) / 2).toBeLessThan(novelty[0]! - 0.15);
  const held = await makeData(base, SETTINGS, 1);
  expect(held.report.rounds.map((round) => round.novelty_of_kept)).toEqual([1, 1, 1, 1, 1]);
  for (const round of held.report.rounds) expect(round.kept).toBeGreaterThan(0);
  // By a measure that no filter looks at: different pairs of words in equal amounts of what was kept.
  const kept = [bare, held].map(({ files }) => instructionsOf(files));
  const words = Math.min(...kept.map((texts) => texts.flatMap(wordsOf).length));
  const [fell, stayed] = kept.map((texts) => diversityOf(texts, { words, seed: 1 }).distinct_2!);
  expect(stayed).toBeGreaterThan(fell!);
});

function instructionsOf(files: ReadonlyMap<string, string>): string[] {
  const lines = files.get("provenance.jsonl")!.trim().split("\n");
  return lines.map((line) => (JSON.parse(line) as { readonly instruction: string }).instruction);
}
