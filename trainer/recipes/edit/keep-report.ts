import { EDIT_REPORT_FILE, type EditConflict, EditReport } from "../../../shared/edits/report.ts";
import type { EditPlan } from "../../edits/edit-plan.ts";
import { type FactRecord, factReport, forcedShares, freeShares } from "../../edits/edit-report.ts";
import type { FactAnswers, ScoredFact } from "../../edits/score-edits.ts";
import type { SolvedFact } from "../../edits/sequence.ts";
import type { Metrics, RecipeContext, RecipeOutcome, UnpublishedOutcome } from "../recipe.ts";
import type { PreparedEdit } from "./prepare-edit.ts";

/** What is known of every fact: answers before and after, in the order of `scored`, and of some how they were solved. */
export function recordsOf(scored: readonly ScoredFact[], { before, after, solved = [] }: KnownOfFacts): FactRecord[] {
  const byFact = new Map(solved.map((one) => [one.fact, one]));
  return scored.map((one, i): FactRecord => {
    return { scored: one, before: before[i]!, after: after?.[i], solved: byFact.get(one.encoded) };
  });
}

export interface KnownOfFacts {
  readonly before: readonly FactAnswers[];
  /** Absent where the model was not changed. */
  readonly after?: readonly FactAnswers[];
  readonly solved?: readonly SolvedFact[];
}

export interface ReportParts {
  readonly records: readonly FactRecord[];
  readonly conflicts: EditConflict[];
  readonly published: boolean;
  readonly changes: EditReport["changes"];
  readonly fluency?: EditReport["fluency"];
  readonly loss?: EditReport["base_loss"];
}

/** What `edit.json` says. */
export function reportOf(prepared: PreparedEdit, plan: EditPlan, parts: ReportParts): EditReport {
  const { layers, layersFrom, statistics, seconds, clock, began } = prepared;
  const asked = parts.records.flatMap(({ before, after }) =>
    after === undefined || before.follows ? [] : [{ before, after }],
  );
  const all = [...statistics.values()];
  const [first] = all;
  return EditReport.parse({
    format: "trimtab.edit/1",
    ...{
      method: plan.method,
      layers,
      layers_from: layersFrom,
      norm_scaling: plan.normScaling,
      published: parts.published,
    },
    facts: parts.records.map(factReport),
    scores: freeShares(asked),
    teacher_forced: forcedShares(asked),
    ...{ fluency: parts.fluency ?? null, base_loss: parts.loss ?? null, changes: parts.changes },
    statistics: {
      ...{ source: first!.source, tokens: first!.tokens },
      convergence: first!.convergence.map(({ tokens }, i) => ({
        tokens,
        change: Math.max(...all.map(({ convergence }) => convergence[i]?.change ?? 0)),
      })),
    },
    conflicts: parts.conflicts,
    seconds: { ...seconds, total: clock() - began },
  });
}

export async function keepReport({ keepFile }: RecipeContext, report: EditReport): Promise<void> {
  await keepFile({ name: EDIT_REPORT_FILE, bytes: new TextEncoder().encode(`${JSON.stringify(report, null, 1)}\n`) });
}

/** Keeps the report of an edit that publishes nothing. */
export async function unpublished(
  context: RecipeContext,
  prepared: PreparedEdit,
  report: EditReport,
): Promise<UnpublishedOutcome> {
  await keepReport(context, report);
  return { folder: null, metrics: metricsOf(report), trainedTokens: prepared.tokens, hyperparameters: {} };
}

/** The report's shares, for the job and the delta's manifest: no seconds, so that equal jobs publish equal bytes. */
export function metricsOf({ scores, teacher_forced: forced, base_loss: loss }: EditReport): Metrics {
  const shares = [
    ...Object.entries(scores),
    ...Object.entries(forced).map(([name, value]) => [`teacher_forced/${name}`, value] as const),
    ["base_loss_change", loss?.change ?? null] as const,
  ];
  return Object.fromEntries(shares.filter((one): one is [string, number] => one[1] !== null));
}

/** What `auto` became. */
export function resolved(plan: EditPlan, { layers }: PreparedEdit): RecipeOutcome["hyperparameters"] {
  const { method, clamp, lambda, batchSize, normScaling } = plan;
  return { method, layers: layers.join(", "), clamp, lambda, batch_size: batchSize, norm_scaling: normScaling };
}
