import type { EditReport, FactReport } from "../../shared/edits/report.ts";
import type { FactAnswers, ScoredFact } from "./score-edits.ts";
import { keptNeighbours, sharesOf } from "./score-edits.ts";
import type { SolvedFact } from "./sequence.ts";

/** What is known of one fact at the end. */
export interface FactRecord {
  readonly scored: ScoredFact;
  readonly before: FactAnswers;
  /** On the edited model; undefined where nothing was changed. */
  readonly after: FactAnswers | undefined;
  /** undefined for a fact that was not solved. */
  readonly solved: SolvedFact | undefined;
}

/** A fact's line of the report. */
export function factReport({ scored, before, after, solved }: FactRecord): FactReport {
  const { encoded, prompts } = scored;
  const { fact } = encoded;
  const { status, reason } = statusOf({ before, after, solved });
  const sourceOf = ({ source, texts }: (typeof prompts)["paraphrases"]) => ({ source, count: texts.length });
  return {
    index: encoded.index,
    ...{ prompt: fact.prompt, subject: fact.subject, target_new: fact.target_new },
    target_true: fact.target_true ?? null,
    kind: fact.kind,
    ...{ status, reason },
    scores: after === undefined ? null : freeShares([{ before, after }]),
    teacher_forced: after === undefined ? null : forcedShares([{ before, after }]),
    text: { before: before.text, after: after?.text ?? null },
    probability: { before: before.probability, after: after?.probability ?? null },
    paraphrases: sourceOf(prompts.paraphrases),
    neighbours: sourceOf(prompts.neighbours),
    value:
      solved === undefined
        ? null
        : {
            ...{ norm: solved.norm, relative_norm: solved.relativeNorm },
            ...{ steps: solved.value.steps, loss: solved.value.loss, scaled_by: solved.scaled?.scale ?? 1 },
            rounds: solved.rounds,
          },
  };
}

type Compared = { readonly before: FactAnswers; readonly after: FactAnswers };

/** Of the greedy texts. */
export function freeShares(answers: readonly Compared[]) {
  return sharesOf(
    answers.map(({ before, after }) => ({
      ...{ follows: after.follows, paraphrases: after.paraphrases },
      neighbours: keptNeighbours(before, after),
    })),
  );
}

/** Under forced prefixes; neighbours without a true target count by their greedy texts. */
export function forcedShares(answers: readonly Compared[]) {
  return sharesOf(
    answers.map(({ before, after }) => ({
      ...{ follows: after.forced.follows, paraphrases: after.forced.paraphrases },
      neighbours: after.forced.neighbours ?? keptNeighbours(before, after),
    })),
  );
}

function statusOf({
  before,
  after,
  solved,
}: Pick<FactRecord, "before" | "after" | "solved">): Pick<FactReport, "status" | "reason"> {
  const shown = JSON.stringify((after?.text ?? "").slice(0, 80));
  if (before.follows) {
    if (after === undefined || after.follows) return { status: "already_known", reason: "the model says so already" };
    return { status: "failed", reason: `the unedited model says so, but the edited model continues with ${shown}` };
  }
  if (solved?.outcome === "not_converged") {
    const { loss, steps } = solved.value;
    return { status: "failed", reason: `no value was found: its loss is ${loss.toFixed(2)} after ${steps} steps` };
  }
  if (solved?.outcome === "too_long") {
    return { status: "skipped", reason: "its value is more than twice as long as the unedited model's" };
  }
  if (solved === undefined) return { status: "skipped", reason: "nothing was solved" };
  if (after?.follows === true) return { status: "edited", reason: null };
  return { status: "failed", reason: `the edited model still continues with ${shown}` };
}

/** One sentence for an event. */
export function summaryOf(report: EditReport): string {
  const { scores, base_loss: loss, facts } = report;
  const percent = (share: number | null) => (share === null ? "not asked" : `${(100 * share).toFixed(1)} %`);
  const count = (status: FactReport["status"]) => facts.filter((fact) => fact.status === status).length;
  const lossPart = loss === null ? "" : `, base loss ${loss.change >= 0 ? "+" : ""}${(100 * loss.change).toFixed(2)} %`;
  return `${count("edited")} of ${facts.length - count("already_known")} facts hold: efficacy ${percent(scores.efficacy)}, paraphrases ${percent(scores.paraphrase)}, neighbours ${percent(scores.neighbourhood)}${lossPart}`;
}
