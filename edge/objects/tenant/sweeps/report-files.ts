import { REPORT_HTML, REPORT_JSON } from "../../../../shared/api/job-report.ts";
import { TRIALS_CSV } from "../../../../shared/api/sweep-report.ts";
import { sha256Hex } from "../../../../shared/formats/digest.ts";
import { renderSweep } from "../../../../shared/report/sweep.ts";
import { sweepReport, trialsCsv } from "../../../../shared/trials/report.ts";
import { reserveBlob } from "../../blob-ledger.ts";
import type { TenantContext } from "../context.ts";
import { baseOf, requireJob, specOf } from "../job-rows.ts";
import type { StoredResultFile } from "../result-files.ts";
import { shownSweep, valuesOf } from "./sweep-rows.ts";
import { sweepSettings } from "./sweep-settings.ts";

/**
 * Stores the report of a sweep of which nothing is left to do. Files that are never added to the job are swept.
 */
export async function storeSweepReport(context: TenantContext, sweep: string): Promise<StoredResultFile[]> {
  const { db } = context;
  const row = requireJob(db, sweep);
  const spec = specOf(row);
  const settings = sweepSettings(db, sweep);
  const paths = settings.axes.map(({ path }) => path);
  const report = sweepReport({
    model: spec.parent?.model ?? baseOf(row).id,
    created_at: row.created_at,
    seed: spec.seed,
    training_file: spec.training_file,
    validation_file: spec.validation_file,
    ...(spec.mixture === undefined ? {} : { training_files: [...spec.mixture.files] }),
    ...(spec.validation_files === undefined ? {} : { validation_files: [...spec.validation_files] }),
    search: settings.search,
    metric: settings.metric,
    goal: settings.goal,
    ...shownSweep(db, sweep, settings),
    paths,
    measured: valuesOf(db, sweep),
  });
  const contents = {
    [REPORT_JSON]: `${JSON.stringify(report, null, 2)}\n`,
    [REPORT_HTML]: renderSweep(report),
    [TRIALS_CSV]: trialsCsv(report.trials, paths),
  };
  const stored: StoredResultFile[] = [];
  for (const [filename, text] of Object.entries(contents)) {
    const bytes = new TextEncoder().encode(text);
    const id = context.newId("file");
    const blob = `tenants/${context.tenant().id}/files/${id}`;
    reserveBlob(db, blob, context.now());
    await context.env.BLOBS.put(blob, bytes);
    stored.push({ id, blob, filename, bytes: bytes.length, sha256: await sha256Hex(bytes) });
  }
  return stored;
}
