import { likeliest } from "../logits.ts";
import type { ProcessedRow, ProcessorKind, RowState } from "../processor.ts";

export interface ScorerSettings {
  /** Scores each of these tokens as the row's next one, in their order; null where it gave no answer in time and need not. */
  readonly score: (generated: readonly number[], candidates: readonly number[]) => Promise<readonly number[] | null>;
  /** λ: what a score is multiplied by. */
  readonly strength: number;
  /** How many of the likeliest tokens are scored; all others are ruled out in that step. */
  readonly candidates: number;
  /** Scores every n-th token, the first one included; the others are chosen without it. */
  readonly every: number;
}

interface Step {
  /** How many tokens there were when the candidates were chosen. */
  readonly length: number;
  readonly candidates: readonly number[];
  /** Settles once the answer is there. */
  readonly answered: Promise<void>;
  /** undefined while the answer is awaited. */
  scores?: readonly number[] | null;
}

/**
 * score + λ · s(text and token) over the likeliest tokens, s from outside the batch. The row waits for the answer without a
 * token; every other row goes on. Where the answer is null, the step goes on as if there were no scorer.
 */
export const scorer: ProcessorKind<ScorerSettings> = {
  isNeutral: ({ strength }) => strength === 0,
  create() {
    const steps = new Map<RowState, Step>();
    return {
      update({ removed }) {
        for (const row of removed) steps.delete(row);
      },
      apply(rows) {
        for (const row of rows) {
          const { length } = row.row.generated;
          if (length % row.settings.every !== 0) continue;
          const known = steps.get(row.row);
          const step = known?.length === length ? known : ask(row, length);
          steps.set(row.row, step);
          if (step.scores === undefined) row.wait(step.answered);
          else if (step.scores === null) row.note?.({ scorer: { answered: false } });
          else weigh(row, step.candidates, step.scores);
        }
      },
    };
  },
};

function ask({ row, settings, scores }: ProcessedRow<ScorerSettings>, length: number): Step {
  const candidates = likeliest(scores, settings.candidates).filter(
    (token) => scores[token]! > Number.NEGATIVE_INFINITY,
  );
  const answered = settings.score(row.generated.slice(), candidates).then((given) => {
    step.scores = given;
  });
  const step: Step = { length, candidates, answered };
  return step;
}

function weigh(
  { scores, settings, note }: ProcessedRow<ScorerSettings>,
  candidates: readonly number[],
  given: readonly number[],
): void {
  const weighed = candidates.map((token, i) => scores[token]! + settings.strength * given[i]!);
  scores.fill(Number.NEGATIVE_INFINITY);
  for (const [i, token] of candidates.entries()) scores[token] = weighed[i]!;
  note?.({ scorer: { candidates: candidates.map((token, i) => ({ token, score: given[i]! })) } });
}
