/** Trains the demo adapter as any client would: uploads files, creates a job and watches it. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import { FileObject } from "../../shared/api/files.ts";
import { Job, type JobEvent, JobList, TERMINAL_STATUSES } from "../../shared/api/jobs.ts";
import { ModelList } from "../../shared/api/models.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { ApiClient } from "./api-client.ts";
import { newJobEvents } from "./job-events.ts";
import type { TrainingProgress } from "./progress.ts";

const POLL_MS = 400;
const PAGE = 100;
/** Distinguishes the demo's jobs from others created with its key. */
const MARK = { started_by: "npm start" };

/** The parts of an event's data that are shown; losses are means over target tokens, in nats. */
const EventData = z.looseObject({
  step: z.number().optional(),
  total_steps: z.number().optional(),
  loss: z.number().optional(),
  tokens_per_second: z.number().optional(),
  /** Loss on the validation file before the first step and after the last. */
  base_loss: z.number().optional(),
  tuned_loss: z.number().optional(),
});

/** Event data with the event's time in Unix seconds. */
export interface Reported extends z.infer<typeof EventData> {
  readonly at: number;
}

export interface JobRequest {
  readonly model: string;
  readonly training: string;
  readonly validation: string;
  readonly suffix: string;
}

export interface JobWatcher {
  readonly progress: (progress: TrainingProgress) => void;
  readonly message: (line: string) => void;
}

export interface TrainedModel {
  readonly model: string;
  readonly trainedTokens: number;
  /** Median over the steps; excludes compiling the graphs and reading the data. */
  readonly tokensPerSecond: number;
  /** Held-out loss before the first step and after the last. */
  readonly baseLoss: number;
  readonly tunedLoss: number;
}

/**
 * Trains the demo adapter and resolves when the job has succeeded.
 *
 * @param request.training path of a JSONL file, like `validation`
 * @throws TrimtabError with the job's own message if it fails.
 */
export async function trainDemo(client: ApiClient, request: JobRequest, watcher: JobWatcher): Promise<TrainedModel> {
  await cancelLeftOver(client, watcher.message);
  const job = await client.post(
    "/v1/fine_tuning/jobs",
    {
      model: request.model,
      training_file: await upload(client, request.training),
      validation_file: await upload(client, request.validation),
      suffix: request.suffix,
      seed: 1,
      metadata: MARK,
      method: { type: "supervised", supervised: { peft: { type: "lora" } } },
    },
    Job,
  );
  return await watch(client, job.id, watcher);
}

/** The newest model that the demo has trained and that is still there; undefined if there is none. */
export async function findTrained(client: ApiClient): Promise<TrainedModel | undefined> {
  const models = new Set((await client.get("/v1/models", ModelList)).data.map(({ id }) => id));
  for await (const job of demoJobs(client)) {
    if (job.status !== "succeeded" || job.fine_tuned_model === null || !models.has(job.fine_tuned_model)) continue;
    return resultOf(job, (await newJobEvents(client, job.id, new Set())).map(reportedBy));
  }
  return undefined;
}

/** The demo's own jobs, newest first. */
async function* demoJobs(client: ApiClient): AsyncGenerator<Job, void> {
  for (let after = ""; ; ) {
    const { data, has_more, last_id } = await client.get(`/v1/fine_tuning/jobs?limit=${PAGE}${after}`, JobList);
    for (const job of data) if (job.metadata?.started_by === MARK.started_by) yield job;
    if (!has_more || last_id === null) return;
    after = `&after=${last_id}`;
  }
}

/** Cancels the job of an interrupted demo, which would otherwise run to its end before the new one. */
export async function cancelLeftOver(client: ApiClient, message: (line: string) => void): Promise<void> {
  for await (const { id, status } of demoJobs(client)) {
    if (TERMINAL_STATUSES.includes(status)) continue;
    try {
      await client.post(`/v1/fine_tuning/jobs/${id}/cancel`, {}, Job);
      message(`Cancelled the job of an interrupted run (${id})`);
    } catch (error) {
      // The job has ended in the meantime.
      if (!(error instanceof TrimtabError && error.code === "conflict")) throw error;
    }
  }
}

async function upload(client: ApiClient, path: string): Promise<string> {
  const file = await client.upload("/v1/files", basename(path), new Uint8Array(readFileSync(path)), FileObject);
  return file.id;
}

async function watch(client: ApiClient, id: string, watcher: JobWatcher): Promise<TrainedModel> {
  const seen = new Set<string>();
  const reported: Reported[] = [];
  for (;;) {
    // Read the job before its events: once it has ended, all events are there.
    const job = await client.get(`/v1/fine_tuning/jobs/${id}`, Job);
    for (const event of await newJobEvents(client, id, seen)) {
      if (event.type === "message") watcher.message(event.message);
      reported.push(reportedBy(event));
    }
    const progress = progressOf(reported, Date.now() / 1000);
    if (progress !== undefined) watcher.progress(progress);
    if (TERMINAL_STATUSES.includes(job.status)) return resultOf(job, reported);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export function reportedBy({ data, created_at }: JobEvent): Reported {
  return { ...EventData.parse(data ?? {}), at: created_at };
}

/** The latest step; undefined before the first. The time left is estimated from the whole run, including evaluations. */
export function progressOf(reported: readonly Reported[], nowSeconds: number): TrainingProgress | undefined {
  const steps = reported.filter(({ loss }) => loss !== undefined);
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const { step = 0, total_steps: totalSteps = 0, loss = 0 } = last;
  const done = step - (first.step ?? 0);
  const perStep = done > 0 ? (last.at - first.at) / done : undefined;
  const secondsLeft =
    perStep === undefined ? undefined : Math.max(0, perStep * (totalSteps - step) - (nowSeconds - last.at));
  return { step, totalSteps, loss, tokensPerSecond: medianSpeed(reported), secondsLeft };
}

/** The result of a finished job. Throws the job's error if it did not succeed. */
export function resultOf(job: Job, reported: readonly Reported[]): TrainedModel {
  if (job.status !== "succeeded" || job.fine_tuned_model === null) {
    const { code, message } = job.error ?? { code: "cancelled", message: `The job ${job.id} was cancelled.` };
    throw new TrimtabError(code === "cancelled" ? "cancelled" : "internal_error", message, { data: { code } });
  }
  const { base_loss: baseLoss, tuned_loss: tunedLoss } =
    reported.findLast((data) => data.tuned_loss !== undefined) ?? {};
  if (baseLoss === undefined || tunedLoss === undefined) {
    throw new TrimtabError("internal_error", `The job ${job.id} reported no loss on its validation file.`);
  }
  return {
    model: job.fine_tuned_model,
    trainedTokens: job.trained_tokens ?? 0,
    tokensPerSecond: medianSpeed(reported),
    baseLoss,
    tunedLoss,
  };
}

/** The median, because a resumed job's first steps are slow. */
function medianSpeed(reported: readonly Reported[]): number {
  const speeds = reported.flatMap(({ tokens_per_second }) => tokens_per_second ?? []).sort((a, b) => a - b);
  return speeds[Math.floor(speeds.length / 2)] ?? 0;
}
