import { EDIT_REPORT_FILE, EditReport, type FACT_STATUSES } from "../../../../shared/edits/report.ts";
import type { TenantContext } from "../context.ts";
import { keptFile } from "../kept-files.ts";
import type { Measured } from "./edit-rows.ts";

/** What an edit's report says of the edit as a whole. */
export function measuredBy(report: EditReport): Measured {
  const { scores, teacher_forced, fluency, base_loss, changes, statistics, seconds } = report;
  const count = (status: (typeof FACT_STATUSES)[number]) =>
    report.facts.filter((fact) => fact.status === status).length;
  return {
    method: report.method,
    layers: report.layers,
    layers_from: report.layers_from,
    norm_scaling: report.norm_scaling,
    scores: { ...scores, fluency: fluency?.after ?? null, base_loss_change: base_loss?.change ?? null },
    ...{ teacher_forced, fluency, base_loss, changes, statistics, seconds },
    counts: {
      edited: count("edited"),
      failed: count("failed"),
      already_known: count("already_known"),
      skipped: count("skipped"),
    },
  };
}

/** The report as a file's bytes have it; null for one that is none, which a trainer of another version may write. */
export function parseReport(text: string): EditReport | null {
  try {
    return EditReport.parse(JSON.parse(text));
  } catch (error) {
    console.warn(`${EDIT_REPORT_FILE} is not as expected`, error);
    return null;
  }
}

/** What the report says that a running job has kept; null if it kept none. */
export async function keptMeasurement({ db, env }: TenantContext, job: string): Promise<Measured | null> {
  const file = keptFile(db, job, EDIT_REPORT_FILE);
  if (file === undefined) return null;
  const object = await env.BLOBS.get(file.blob);
  const report = object === null ? null : parseReport(await object.text());
  return report === null ? null : measuredBy(report);
}
