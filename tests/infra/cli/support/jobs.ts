import type { Job, JobEvent } from "../../../../shared/api/jobs.ts";
import { Method } from "../../../../shared/api/methods.ts";

export function job(changes: Partial<Job> = {}): Job {
  return {
    ...{ id: "ftjob-1", object: "fine_tuning.job", model: "trimtab-base", created_at: 60, finished_at: null },
    ...{
      fine_tuned_model: null,
      organization_id: "demo",
      result_files: [],
      status: "running",
      training_file: "file-1",
    },
    ...{ validation_file: null, hyperparameters: {}, executor: null, trained_tokens: null, seed: 1, suffix: null },
    ...{ estimated_finish: null, integrations: [], metadata: null, error: null },
    method: Method.parse({ type: "supervised" }),
    ...changes,
  };
}

export function event(id: string, message: string, data: Record<string, unknown> | null = null): JobEvent {
  const type = data === null ? "message" : "metrics";
  return { object: "fine_tuning.job.event", id, created_at: 1, level: "info", message, type, data };
}

/** A page of the API's lists. */
export function page(data: readonly { readonly id: string }[], more = false) {
  return { object: "list", data, has_more: more, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
}
