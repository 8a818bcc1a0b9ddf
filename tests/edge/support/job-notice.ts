import type { JobNotice } from "../../../edge/objects/dispatcher/notices.ts";
import type { QueuedJob } from "../../../edge/objects/dispatcher/queue-rows.ts";
import type { JobStatus } from "../../../shared/api/jobs.ts";
import { DEFAULTS } from "../../../shared/limits.ts";

let version = 0;

type Asked = Omit<QueuedJob, "base"> & { readonly base?: string | null } & Partial<Pick<JobNotice, "mostRunning">>;

/** The newest notice of a job, which waits for a trainer. */
export function queuedNotice(job: Asked): JobNotice {
  const always = { wanted: "queued", ended: null, runsJobs: false, fence: 0 } as const;
  return { base: "b", mostRunning: DEFAULTS.runningJobs, ...job, ...always, version: ++version };
}

/** The newest notice of a job that was paused (null) or has ended. */
export function endNotice(job: string, ended: JobStatus | null): JobNotice {
  return { ...queuedNotice({ job, tenant: "t", executor: null }), wanted: ended === null ? "kept" : "ended", ended };
}
