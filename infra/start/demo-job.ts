/** Trains the demonstration's adapter as any client would: upload, create a job, watch it. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import { FileObject } from "../../shared/api/files.ts";
import { Job, type JobEvent, JobEventList, TERMINAL_STATUSES } from "../../shared/api/jobs.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { ApiClient } from "./api-client.ts";
import type { TrainingProgress } from "./progress.ts";

const POLL_MS = 400;
const PAGE = 100;

/** What a `metrics` event may hold; losses are means over trained tokens, in nats. */
const Metrics = z.looseObject({
  step: z.number(),
  total_steps: z.number(),
  train_loss: z.number().optional(),
  valid_loss: z.number().optional(),
  tokens_per_second: z.number().optional(),
});
type Metrics = z.infer<typeof Metrics>;

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
  /** Of the steps alone, their median: compiling the graphs and reading the data is not in it. */
  readonly tokensPerSecond: number;
  /** Held-out loss before the first step and after the last. */
  readonly baseLoss: number;
  readonly tunedLoss: number;
}

/**
 * Resolves when the job has succeeded.
 *
 * @param request.training path of a JSONL file, as is `validation`
 * @throws TrimtabError with the job's own code and message where it failed.
 */
export async function trainDemo(client: ApiClient, request: JobRequest, watcher: JobWatcher): Promise<TrainedModel> {
  const job = await client.post(
    "/v1/fine_tuning/jobs",
    {
      model: request.model,
      training_file: await upload(client, request.training),
      validation_file: await upload(client, request.validation),
      suffix: request.suffix,
      seed: 1,
      method: { type: "supervised", supervised: { peft: { type: "lora" } } },
    },
    Job,
  );
  return await watch(client, job.id, watcher);
}

async function upload(client: ApiClient, path: string): Promise<string> {
  const file = await client.upload("/v1/files", basename(path), new Uint8Array(readFileSync(path)), FileObject);
  return file.id;
}

async function watch(client: ApiClient, id: string, watcher: JobWatcher): Promise<TrainedModel> {
  const seen = new Set<string>();
  const metrics: Metrics[] = [];
  for (;;) {
    // The job before its events: when it has ended, all of them are there.
    const job = await client.get(`/v1/fine_tuning/jobs/${id}`, Job);
    for (const event of await newEvents(client, id, seen)) {
      if (event.type === "message") watcher.message(event.message);
      else metrics.push(Metrics.parse(event.data));
    }
    const progress = progressOf(metrics, job.estimated_finish, Date.now() / 1000);
    if (progress !== undefined) watcher.progress(progress);
    if (TERMINAL_STATUSES.includes(job.status)) return resultOf(job, metrics);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Oldest first. */
async function newEvents(client: ApiClient, job: string, seen: Set<string>): Promise<JobEvent[]> {
  const found: JobEvent[] = [];
  let after = "";
  for (;;) {
    const page = await client.get(`/v1/fine_tuning/jobs/${job}/events?limit=${PAGE}${after}`, JobEventList);
    const unseen = page.data.filter((event) => !seen.has(event.id));
    for (const event of unseen) seen.add(event.id);
    found.unshift(...unseen.toReversed());
    if (unseen.length < page.data.length || !page.has_more || page.last_id === null) return found;
    after = `&after=${page.last_id}`;
  }
}

/** The latest step; undefined before the first. */
export function progressOf(
  metrics: readonly Metrics[],
  estimatedFinish: number | null,
  nowSeconds: number,
): TrainingProgress | undefined {
  const last = metrics.findLast(({ train_loss }) => train_loss !== undefined);
  if (last === undefined) return undefined;
  return {
    step: last.step,
    totalSteps: last.total_steps,
    loss: last.train_loss ?? 0,
    tokensPerSecond: medianSpeed(metrics),
    secondsLeft: estimatedFinish === null ? 0 : estimatedFinish - nowSeconds,
  };
}

/** What a finished job came to. Throws the error of one that did not succeed. */
export function resultOf(job: Job, metrics: readonly Metrics[]): TrainedModel {
  if (job.status !== "succeeded" || job.fine_tuned_model === null) {
    const { code, message } = job.error ?? { code: "cancelled", message: `The job ${job.id} was cancelled.` };
    throw new TrimtabError(code === "cancelled" ? "cancelled" : "internal_error", message, { data: { code } });
  }
  const losses = metrics.flatMap(({ valid_loss }) => valid_loss ?? []);
  const [baseLoss, tunedLoss] = [losses[0], losses.at(-1)];
  if (baseLoss === undefined || tunedLoss === undefined) {
    throw new TrimtabError("internal_error", `The job ${job.id} reported no loss on its validation file.`);
  }
  return {
    model: job.fine_tuned_model,
    trainedTokens: job.trained_tokens ?? 0,
    tokensPerSecond: medianSpeed(metrics),
    baseLoss,
    tunedLoss,
  };
}

function medianSpeed(metrics: readonly Metrics[]): number {
  const speeds = metrics.flatMap(({ tokens_per_second }) => tokens_per_second ?? []).sort((a, b) => a - b);
  return speeds[Math.floor(speeds.length / 2)] ?? 0;
}
