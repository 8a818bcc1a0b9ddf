import { readFileSync } from "node:fs";
import { LEADER } from "../../../shared/decode/processor.ts";
import { PROCESSORS, type ProcessorName } from "../../../shared/decode/registry.ts";
import { processedRow } from "./processing.ts";

/** Registry names by transformers' names. */
const NAMES: Readonly<Record<string, ProcessorName>> = {
  repetition_penalty: "repetition",
  temperature: "temperature",
  top_k: "topK",
  top_p: "nucleus",
  min_p: "minP",
};

export interface GoldenCase {
  readonly settings: Readonly<Record<string, number>>;
  readonly prompt: readonly number[];
  readonly generated: readonly number[];
  readonly logits: readonly number[];
  /** null: ruled out. */
  readonly scores: readonly (number | null)[];
}

const file = new URL("../../golden/decode/logits-processors.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: GoldenCase[] };

/** What transformers makes of scores with only this setting, or with several of them. */
export function goldenCases(only?: string): readonly GoldenCase[] {
  return cases.filter(({ settings }) => {
    const names = Object.keys(settings);
    return only === undefined ? names.length > 1 : names.length === 1 && names[0] === only;
  });
}

/** The scores that our processors make of a case's logits, in the registry's order. */
export function scoresOf({ settings, prompt, generated, logits }: GoldenCase): (number | null)[] {
  const scores = Float64Array.from(logits);
  const values = new Map(Object.entries(settings).map(([name, value]) => [NAMES[name], value]));
  const row = { role: LEADER, prompt, generated };
  for (const [name, kind] of Object.entries(PROCESSORS)) {
    const value = values.get(name as ProcessorName);
    if (value === undefined || kind.isNeutral(value as never)) continue;
    kind.create().apply([processedRow({ row, settings: value, scores }) as never]);
  }
  return [...scores].map((score) => (score === Number.NEGATIVE_INFINITY ? null : score));
}

/** Scores less the highest of them: adding a constant to all changes no probability. */
export function relative(scores: readonly (number | null)[]): (number | null)[] {
  const highest = Math.max(...scores.filter((score) => score !== null));
  return scores.map((score) => score && score - highest);
}
