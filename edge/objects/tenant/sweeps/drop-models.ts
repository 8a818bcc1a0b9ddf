import { TrimtabError } from "../../../../shared/errors.ts";
import { dropArtefact, findArtefact, requireNothingOn } from "../artefact-rows.ts";
import type { TenantContext } from "../context.ts";
import { requireNoJobOn } from "../job-parent.ts";

/**
 * Deletes what a job and its checkpoints have made: the names that answer, and the deltas. A delta stays while another name serves it
 * or another job has the same result, as an equal run of another trial has. Returns null, or why one has to stay.
 */
export function dropModels({ db, now, requireModelUnused }: TenantContext, job: string): string | null {
  const own = `SELECT model FROM checkpoints WHERE job = ?1 UNION SELECT fine_tuned_model FROM jobs WHERE id = ?1`;
  const names = db.all<{ id: string; artefact: string }>(`SELECT id, artefact FROM models WHERE id IN (${own})`, job);
  let kept: string | null = null;
  const ifUnused = (drop: () => void): void => {
    try {
      drop();
    } catch (error) {
      if (!(error instanceof TrimtabError) || error.code !== "conflict") throw error;
      kept ??= error.message;
    }
  };
  for (const { id, artefact } of names) {
    ifUnused(() => {
      requireModelUnused(id);
      requireNoJobOn(db, artefact);
      db.run("DELETE FROM models WHERE id = ?", id);
    });
  }
  const made = db.all<{ id: string }>("SELECT id FROM artefacts WHERE job = ?", job).map(({ id }) => id);
  for (const id of new Set([...names.map(({ artefact }) => artefact), ...made])) {
    const digest = findArtefact(db, id)?.digest;
    const named = db.get("SELECT 1 FROM models WHERE artefact = ?", id);
    const shared = db.get(
      "SELECT 1 FROM jobs WHERE result = ? AND id <> ? AND status = 'succeeded'",
      digest ?? "",
      job,
    );
    if (digest === undefined || named !== undefined || shared !== undefined) continue;
    ifUnused(() => {
      requireNoJobOn(db, id);
      requireNothingOn(db, id);
      dropArtefact(db, id, now());
    });
  }
  return kept;
}
