import type { TrainerEvent } from "../../../../shared/api/trainer.ts";
import type { Database } from "../../database.ts";
import { addValue, liveTrial } from "./sweep-rows.ts";
import { sweepSettings } from "./sweep-settings.ts";

/** Notes what a trial's trainer has measured. Returns whether something may be due for its sweep. */
export function noteMeasured(db: Database, job: string, events: readonly TrainerEvent[]): boolean {
  const measured = events.filter(({ type }) => type === "metrics");
  const place = measured.length === 0 ? undefined : liveTrial(db, job);
  if (place === undefined) return false;
  const { metric, prune } = sweepSettings(db, place.job);
  let noted = false;
  for (const { data } of measured) {
    const [step, value] = [data?.step, data?.[metric]];
    if (typeof step !== "number" || typeof value !== "number" || !Number.isFinite(value)) continue;
    addValue(db, place, { step, value });
    noted = true;
  }
  return noted && prune !== undefined;
}
