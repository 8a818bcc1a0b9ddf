import { type Job, JobList, JobStatus } from "../../../shared/api/jobs.ts";
import { listOf } from "../../../shared/api/lists.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { ApiClient } from "../../start/api-client.ts";
import { jsonText } from "../json-text.ts";
import { table } from "../table.ts";

const PAGE = 100;

export interface ListJobsOptions {
  readonly limit: number;
  readonly status?: string;
  readonly json: boolean;
}

/** The newest jobs, as a table or as the API's list. Throws `invalid_request` for a status that does not exist. */
export async function listJobs(client: ApiClient, { limit, status, json }: ListJobsOptions): Promise<string> {
  const wanted = status === undefined ? undefined : JobStatus.safeParse(status);
  if (wanted?.success === false) {
    const message = `--status is ${JSON.stringify(status)}: it must be one of ${JobStatus.options.join(", ")}.`;
    throw new TrimtabError("invalid_request", message, { param: "status" });
  }
  const jobs: Job[] = [];
  for (let after = "", more = true; more && jobs.length < limit; ) {
    const page = await client.get(`/v1/fine_tuning/jobs?limit=${PAGE}${after}`, JobList);
    jobs.push(...page.data.filter((job) => wanted === undefined || job.status === wanted.data));
    more = page.has_more && page.last_id !== null;
    after = `&after=${page.last_id}`;
  }
  const shown = jobs.slice(0, limit);
  if (json) return jsonText(listOf(shown, shown.length));
  return shown.length === 0 ? "There are no such jobs.\n" : `${jobTable(shown)}\n`;
}

function jobTable(jobs: readonly Job[]): string {
  return table(
    ["id", "status", "type", "model", "created", "result"],
    jobs.map((job) => [
      job.id,
      job.status,
      job.method.type,
      job.model,
      `${new Date(job.created_at * 1000).toISOString().slice(0, 16).replace("T", " ")}Z`,
      job.fine_tuned_model ?? job.error?.message ?? "",
    ]),
  );
}
