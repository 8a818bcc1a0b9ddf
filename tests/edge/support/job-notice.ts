import type { JobNotice } from "../../../edge/objects/dispatcher/notices.ts";
import type { QueuedJob } from "../../../edge/objects/dispatcher/queue-rows.ts";
import type { JobStatus } from "../../../shared/api/jobs.ts";

let version = 0;

/** The newest notice of a job, which waits for a trainer. */
export function queuedNotice(job: Omit<QueuedJob, "base"> & { readonly base?: string | null }): JobNotice {
  return { base: "b", ...job, version: ++version, wanted: "queued", ended: null, runsJobs: false, fence: 0 };
}

/** The newest notice of a job that was paused (null) or has ended. */
export function endNotice(job: string, ended: JobStatus | null): JobNotice {
  return { ...queuedNotice({ job, tenant: "t", executor: null }), wanted: ended === null ? "kept" : "ended", ended };
}
