/** The report on what was made and its risks: a pure function of the records. */
import type { SynthesisReport } from "../../../shared/api/synthesis-report.ts";
import {
  contaminated,
  diversityOf,
  type KnownFact,
  noveltyOf,
  ownStyle,
  statementsOf,
} from "../../../shared/synthesis/measures.ts";
import { wordsOf } from "../../../shared/synthesis/words.ts";
import { keptOf, type SynthesisRecord } from "./records.ts";
import type { Seed } from "./seeds.ts";

export interface ReportParts extends Pick<SynthesisReport, "model" | "answerer" | "created_at" | "seed" | "approach"> {
  readonly records: readonly SynthesisRecord[];
  readonly seeds: readonly Seed[];
  /** null without an evaluation set. */
  readonly evaluation: { readonly file: string; readonly n: number; readonly grams: ReadonlySet<string> } | null;
  readonly facts: readonly KnownFact[];
  readonly yieldToEventLoop: () => Promise<void>;
}

const SHOWN = 20;
const SAMPLES = 12;

export async function synthesisReport(parts: ReportParts): Promise<SynthesisReport> {
  const { yieldToEventLoop, records, seeds, evaluation, facts, seed, ...about } = parts;
  const kept = keptOf(records);
  const texts = kept.map(({ instruction, output }) => `${instruction}\n${output}`);
  const rounds = [...new Set(records.map(({ round }) => round))].map((round) => {
    const own = records.filter((record) => record.round === round);
    return { round, own, written: instructionsOf(own), kept: keptOf(own).map(({ instruction }) => instruction) };
  });
  const seedTexts = seeds.map(({ instruction }) => instruction);
  const groups = [seedTexts, ...rounds.flatMap(({ written, kept: ofRound }) => [written, ofRound])];
  const words = Math.min(...groups.filter(({ length }) => length > 0).map((group) => group.flatMap(wordsOf).length));
  const novelty = async (of: "written" | "kept") =>
    await noveltyOf(
      seedTexts,
      rounds.map((round) => round[of]),
      yieldToEventLoop,
    );
  const [noveltyOfWritten, noveltyOfKept] = [await novelty("written"), await novelty("kept")];
  const diversity = (group: readonly string[]) => diversityOf(group, { words, seed });
  const overlaps = evaluation === null ? [] : contaminated(texts, evaluation.grams, evaluation.n);
  const statements = statementsOf(texts, facts);
  const wrong = statements.filter(({ right }) => !right);
  const outputs = kept.map(({ output }) => output);
  return {
    object: "fine_tuning.synthesis.report",
    version: 1,
    ...about,
    seed,
    seeds: seeds.length,
    kept: kept.length,
    seeds_diversity: diversity(seedTexts),
    rounds: rounds.map(({ round, own, written, kept: ofRound }, at) => ({
      round,
      asked: own.length,
      written: written.length,
      kept: ofRound.length,
      rejected: rejectedOf(own),
      novelty_of_written: noveltyOfWritten[at]!,
      novelty_of_kept: noveltyOfKept[at]!,
      of_written: diversity(written),
      of_kept: diversity(ofRound),
    })),
    contamination:
      evaluation === null
        ? null
        : {
            n: evaluation.n,
            evaluation_file: evaluation.file,
            kept: kept.length,
            contaminated: overlaps.length,
            examples: overlaps.slice(0, SHOWN).map(({ text, gram }) => ({ id: kept[text]!.id, words: gram })),
          },
    style: styleOf(outputs, seeds),
    facts:
      facts.length === 0
        ? null
        : {
            statements: statements.length,
            wrong: wrong.length,
            examples: wrong.slice(0, SHOWN).map(({ text, prompt, said, answer }) => {
              return { id: kept[text]!.id, prompt, said, answer };
            }),
          },
    samples: kept
      .filter((_, at) => at % Math.max(1, Math.floor(kept.length / SAMPLES)) === 0)
      .slice(0, SAMPLES)
      .map(({ id, instruction, output }) => ({ id, instruction, output })),
  };
}

function instructionsOf(records: readonly SynthesisRecord[]): string[] {
  return records.flatMap(({ instruction }) => instruction ?? []);
}

function rejectedOf(records: readonly SynthesisRecord[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { rejected } of records) {
    if (rejected !== null) counts[rejected.filter] = (counts[rejected.filter] ?? 0) + 1;
  }
  return counts;
}

function styleOf(outputs: readonly string[], seeds: readonly Seed[]): SynthesisReport["style"] {
  const found = ownStyle(
    outputs,
    seeds.map(({ output }) => output),
  );
  return found === null ? null : { ...found, phrases: found.phrases.map((phrase) => ({ ...phrase })) };
}

/** The figures that a job ends with. */
export function reportMetrics({ rounds, kept, contamination, facts, style }: SynthesisReport): Record<string, number> {
  const asked = rounds.reduce((sum, round) => sum + round.asked, 0);
  const { of_kept: last, novelty_of_written: novelty } = rounds.at(-1) ?? {};
  const figures = {
    asked,
    kept,
    kept_share: asked === 0 ? 0 : kept / asked,
    distinct_2: last?.distinct_2,
    pairwise_rouge_l: last?.pairwise_rouge_l,
    novelty,
    contaminated: contamination?.contaminated,
    own_phrases: style?.own_phrases,
    fact_statements: facts?.statements,
    fact_errors: facts?.wrong,
  };
  return Object.fromEntries(
    Object.entries(figures).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}
