import { Job, type JobEvent, TERMINAL_STATUSES } from "../../../shared/api/jobs.ts";
import type { ApiClient } from "../../start/api-client.ts";
import { progressOf, type Reported, reportedBy } from "../../start/demo-job.ts";
import { newJobEvents } from "../../start/job-events.ts";
import { ProgressDisplay } from "../../start/progress.ts";
import type { CliEffects } from "../effects.ts";

const POLL_MS = 500;

/** What is printed once the job has ended. */
export interface WatchedJob {
  readonly text: string;
  readonly succeeded: boolean;
}

/**
 * Shows a job's messages and a bar of its steps until it has ended; as JSON, each event is a line on standard output, and the job
 * is the last. A paused job is waited for.
 */
export async function watchJob(
  client: ApiClient,
  id: string,
  asJson: boolean,
  { print, progress, now, sleep }: Pick<CliEffects, "print" | "progress" | "now" | "sleep">,
): Promise<WatchedJob> {
  const display = new ProgressDisplay(progress, now);
  const seen = new Set<string>();
  const reported: Reported[] = [];
  const show = (event: JobEvent) => {
    if (asJson) print(`${JSON.stringify(event)}\n`);
    else if (event.type === "message") display.message(event.message);
    reported.push(reportedBy(event));
  };
  for (;;) {
    // Read the job before its events: once it has ended, all events are there.
    const job = await client.get(`/v1/fine_tuning/jobs/${encodeURIComponent(id)}`, Job);
    for (const event of await newJobEvents(client, job.id, seen)) show(event);
    const steps = progressOf(reported, now() / 1000);
    if (!asJson && steps !== undefined) display.update(steps);
    if (TERMINAL_STATUSES.includes(job.status)) {
      display.end();
      return { text: asJson ? `${JSON.stringify(job)}\n` : outcome(job), succeeded: job.status === "succeeded" };
    }
    await sleep(POLL_MS);
  }
}

function outcome({ id, status, fine_tuned_model: model, trained_tokens: tokens, error }: Job): string {
  const after = tokens === null ? "" : ` after ${tokens.toLocaleString("en-US")} tokens`;
  if (status === "succeeded") return `${id} succeeded${after}${model === null ? "" : `: ${model}`}\n`;
  return `${id} ${status === "failed" ? "failed" : "was cancelled"}${error === null ? "" : `: ${error.message}`}\n`;
}
