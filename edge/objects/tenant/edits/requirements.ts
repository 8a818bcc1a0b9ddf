import { TrimtabError } from "../../../../shared/errors.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import type { TenantContext } from "../context.ts";
import { isStored } from "../files.ts";
import { type JobRow, requireJob, specOf } from "../job-rows.ts";
import { countEdits, type EditRow, removalOf } from "./edit-rows.ts";
import { statusOf } from "./shown-edit.ts";

/** @throws TrimtabError conflict where there are as many edits as there may be. */
export function requireRoom({ db }: TenantContext): void {
  if (countEdits(db) < LIMITS.edits) return;
  const message = `There are ${LIMITS.edits} edits, which is as many as there may be. Delete some first.`;
  throw new TrimtabError("conflict", message);
}

/**
 * The job that solved an edit from which a fact can be taken.
 *
 * @throws TrimtabError conflict for any other edit.
 */
export function requireSolved({ db }: TenantContext, row: EditRow): JobRow {
  const refuse = (message: string) => new TrimtabError("conflict", message, { param: "edit_id" });
  if (row.merged_from !== null) {
    throw refuse(
      `The edit ${row.id} is a sum of others. Take the fact out of the one that it came from, then merge again.`,
    );
  }
  const job = requireJob(db, row.job!);
  const status = statusOf(row, job);
  if (status !== "succeeded") {
    throw refuse(`The edit ${row.id} is ${status}, and facts are taken out of edits that have succeeded.`);
  }
  const removal = removalOf(row);
  if (removal !== null && removal.failed === null) {
    throw refuse(`Fact ${removal.fact} of the edit ${row.id} is being taken out. Wait for its end, then ask again.`);
  }
  const { validation_file: statistics } = specOf(job);
  if (statistics === null || isStored(db, statistics)) return job;
  throw refuse(
    `The edit ${row.id} was solved with the texts of ${statistics}, which was deleted, so that its other facts cannot be solved again. DELETE /v1/edits/${row.id} undoes all of it.`,
  );
}

/** The error for facts that are no longer those of the edit. */
export function changedMeanwhile(id: string): TrimtabError {
  return new TrimtabError("conflict", `The edit ${id} has changed in the meantime. Look at its facts again.`, {
    param: "edit_id",
  });
}
