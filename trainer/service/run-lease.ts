import type { Executor as ExecutorName } from "../../shared/api/methods.ts";
import type { DatasetRef, Failure, Lease } from "../../shared/api/trainer.ts";
import { type ErrorCode, TrimtabError } from "../../shared/errors.ts";
import { canonicalJson, sha256Hex } from "../../shared/formats/digest.ts";
import type { ModelFiles } from "../../shared/model/model-folder.ts";
import type { Executor } from "../engines/executor.ts";
import type { Progress, Recipe, RecipeContext, RecipeOutcome } from "../recipes/recipe.ts";
import { loadBase } from "./base-cache.ts";
import { checkpointPolicy } from "./checkpoint-policy.ts";
import type { JobClient } from "./client.ts";
import { createEventLog, type EventLog } from "./event-log.ts";
import { type Heart, isLost, type StopReason, startHeart } from "./heart.ts";
import { PageFile } from "./page-file.ts";
import { storeFolder } from "./publish.ts";

export interface LeaseContext {
  readonly client: JobClient;
  /** The executor of that name, or the process's own where the job leaves the choice. Throws `executor_missing`. */
  readonly executor: (name: ExecutorName | null) => Promise<Executor>;
  readonly recipe: (type: Lease["method"]["type"]) => Recipe;
  readonly cacheFolder: string;
  /** Milliseconds. */
  readonly now: () => number;
  /** Aborts when the process is asked to end. */
  readonly shutdown: AbortSignal;
  readonly log: (line: string) => void;
}

/** What became of a lease. A `dropped` job is handed out again by the queue, when its lease lapses at the latest. */
export type LeaseOutcome = "completed" | "failed" | "released" | "dropped";

/** Codes whose cause is in the request, the data or the model: trying again would end the same way. */
const FINAL: readonly ErrorCode[] = [
  "invalid_request",
  "invalid_json",
  "invalid_file",
  "invalid_dataset",
  "invalid_model",
  "invalid_delta",
  "unsupported_parameter",
  "context_length_exceeded",
  "payload_too_large",
  "executor_missing",
  "non_finite",
  "corrupt_blob",
];

/** Codes of a server that cannot be worked with at the moment. */
const OUT_OF_REACH: readonly ErrorCode[] = [
  "capacity_exceeded",
  "rate_limit_exceeded",
  "invalid_api_key",
  "permission_denied",
];

const FLUSH_MS = 1_000;

/** What one lease's parts share. */
interface Run {
  readonly lease: Lease;
  readonly context: LeaseContext;
  readonly stop: AbortSignal;
  readonly heart: Heart;
  readonly events: EventLog;
}

/**
 * Runs one leased job to its end: the result published, the failure reported, or the job handed back or dropped. Never
 * throws: a job's failure is not the process's.
 */
export async function runLease(lease: Lease, context: LeaseContext): Promise<LeaseOutcome> {
  const { client, shutdown, log } = context;
  const stop = new AbortController();
  const onShutdown = () => stop.abort("shutdown" satisfies StopReason);
  shutdown.addEventListener("abort", onShutdown);
  if (shutdown.aborted) onShutdown();
  const heart = startHeart({ client, leaseSeconds: lease.lease_seconds, onStop: (reason) => stop.abort(reason) });
  const events = createEventLog(client);
  const flushing = setInterval(() => void events.flush().catch(() => undefined), FLUSH_MS);
  const run: Run = { lease, context, stop: stop.signal, heart, events };
  try {
    const { folder, metrics, trainedTokens, hyperparameters } = await runRecipe(run);
    const result = await storeFolder(client, folder);
    await events.flush();
    const model = await client.complete({ result, metrics, trained_tokens: trainedTokens, hyperparameters });
    log(`${lease.job}: published as ${model}`);
    return "completed";
  } catch (error) {
    const reason = isLost(error) ? "lost" : (stop.signal.reason as StopReason | undefined);
    return reason === undefined ? await giveUp(run, error) : await putDown(run, reason);
  } finally {
    shutdown.removeEventListener("abort", onShutdown);
    clearInterval(flushing);
    heart.stop();
  }
}

async function runRecipe(run: Run): Promise<RecipeOutcome> {
  const { lease, context, stop } = run;
  const { client } = context;
  const executor = await context.executor(lease.executor);
  const base = await loadBase(context.cacheFolder, lease.base.files, client.download, stop);
  const pages: PageFile[] = [];
  const openPages = () => {
    const file = new PageFile(context.cacheFolder);
    pages.push(file);
    return file;
  };
  try {
    return await runOnBase(run, { executor, files: base.files, openPages });
  } finally {
    base.close();
    for (const file of pages) file.close();
  }
}

interface Means {
  readonly executor: Executor;
  /** Of the base. */
  readonly files: ModelFiles;
  readonly openPages: RecipeContext["openPages"];
}

async function runOnBase(
  { lease, context, stop, heart, events }: Run,
  { executor, files, openPages }: Means,
): Promise<RecipeOutcome> {
  const { client, now } = context;
  const dataset = async (ref: DatasetRef) => {
    return { name: ref.name, digest: ref.sha256, bytes: await client.download(ref, stop) };
  };
  const training = await dataset(lease.training_file);
  const validation = lease.validation_file === null ? null : await dataset(lease.validation_file);
  const checkpoint = lease.checkpoint === null ? null : await client.download(lease.checkpoint, stop);

  const { checkpoint_steps: everySteps } = lease.method[lease.method.type].hyperparameters;
  const policy = checkpointPolicy(now, everySteps);
  const started = { at: now(), step: lease.checkpoint?.step ?? 0 };
  let stepped = false;
  async function breathe(): Promise<void> {
    // The executor and the tokenizer may compute on this thread: timers and sockets get their turn here.
    await new Promise((resume) => setImmediate(resume));
    const reason = stop.reason as StopReason | undefined;
    // What has been learnt is worth going on to the end of the step, where it can be stored.
    if (!stepped || reason === "cancelled" || reason === "lost") stop.throwIfAborted();
  }
  async function afterStep({ step, totalSteps, trainedTokens, state }: Progress): Promise<void> {
    const perStep = (now() - started.at) / (step - started.step);
    heart.note({
      step,
      total_steps: totalSteps,
      trained_tokens: trainedTokens,
      estimated_finish: Math.round((now() + perStep * (totalSteps - step)) / 1000),
    });
    stepped = true;
    await breathe();
    const reason = stop.reason as StopReason | undefined;
    const keep = reason === "paused" || reason === "shutdown" || (reason === undefined && policy.due(step));
    if (keep) await policy.timed(() => client.saveCheckpoint(step, state()));
    stop.throwIfAborted();
  }

  return await context.recipe(lease.method.type)(
    {
      run: await runName(lease),
      method: lease.method,
      seed: lease.seed,
      createdAt: lease.created_at,
      base: { id: lease.base.id, digest: lease.base.digest, files },
      training,
      validation,
      checkpoint,
    },
    {
      executor,
      now,
      event: events.add,
      openPages,
      breathe,
      afterStep,
      publishCheckpoint: async (step, folder, metrics) => {
        const result = await storeFolder(client, folder);
        await client.publishCheckpoint(step, { result, metrics });
      },
    },
  );
}

/** What a run is a function of; a checkpoint of anything else is not gone on from. */
async function runName({ job, base, training_file: file, method, seed }: Lease): Promise<string> {
  const text = canonicalJson({ job, base: base.digest, data: file.sha256, method, seed });
  return await sha256Hex(new TextEncoder().encode(text));
}

/** Leaves a job that is to stop, or that is another's. */
async function putDown({ lease, context, events }: Run, reason: StopReason): Promise<LeaseOutcome> {
  context.log(`${lease.job}: put down: ${reason}`);
  if (reason === "lost") return "dropped";
  try {
    if (reason !== "cancelled") await events.flush();
    await context.client.release({ reason });
    return "released";
  } catch {
    // The lease lapses by itself.
    return "dropped";
  }
}

/** Ends a job that cannot be finished: for good where trying again would be in vain, else by leaving it to the queue. */
async function giveUp({ lease, context, events }: Run, error: unknown): Promise<LeaseOutcome> {
  const failure = failureOf(error, lease.attempt);
  const shown = error instanceof TrimtabError ? `${error.code}: ${error.message}` : (error as Error).stack;
  context.log(`${lease.job}: ${failure === undefined ? "dropped" : "failed"}: ${shown}`);
  if (isOutOfReach(error)) return "dropped";
  try {
    await events.flush();
    if (failure === undefined) return "dropped";
    await context.client.fail(failure);
    return "failed";
  } catch {
    return "dropped";
  }
}

/** What the user is told; undefined where another try may mend it. The queue counts the tries. */
function failureOf(error: unknown, attempt: number): Failure | undefined {
  if (isOutOfReach(error)) return undefined;
  if (error instanceof TrimtabError && FINAL.includes(error.code)) {
    const message = error.message.slice(0, 4000) || error.code;
    return { error: { code: error.code, message, param: error.param?.slice(0, 256) ?? null } };
  }
  // A defect: the first time may have been the machine's fault.
  if (attempt < 2) return undefined;
  const message =
    "The trainer failed at this job again, by a fault of its own. Its log says more; report it with the job's id.";
  return { error: { code: "internal_error", message, param: null } };
}

const isOutOfReach = (error: unknown) => error instanceof TrimtabError && OUT_OF_REACH.includes(error.code);
