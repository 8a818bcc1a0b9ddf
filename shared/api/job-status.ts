import { z } from "zod";

export const JobStatus = z
  .enum(["validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"])
  .meta({ id: "JobStatus" });
export type JobStatus = z.infer<typeof JobStatus>;

/** A job in one of these states no longer changes. */
export const TERMINAL_STATUSES: readonly JobStatus[] = ["succeeded", "failed", "cancelled"];
