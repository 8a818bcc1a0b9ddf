import { TrimtabError } from "../../../../shared/errors.ts";
import type { Database } from "../../database.ts";
import { editsWithDeltas, removalOf } from "./edit-rows.ts";

/**
 * Refuses deltas that are about to be replaced, for a job that would need them longer.
 *
 * @throws TrimtabError conflict while a fact is taken out of an edit whose delta is among them.
 */
export function requireSettled(db: Database, deltas: readonly string[]): void {
  for (const row of editsWithDeltas(db, deltas)) {
    const removal = removalOf(row);
    if (removal === null || removal.failed !== null) continue;
    const message = `A fact is being taken out of the edit ${row.id}, which gives it another delta. Wait for the job ${removal.job}, then send this again.`;
    throw new TrimtabError("conflict", message, { param: "model" });
  }
}
