import { type Executor as ExecutorName, type JobType, settingsOf } from "../../shared/api/methods.ts";
import type { BlobRef, DatasetRef, Failure, Lease, MixtureRef } from "../../shared/api/trainer.ts";
import { canonicalLines } from "../../shared/data/canonical-lines.ts";
import { type ErrorCode, TrimtabError } from "../../shared/errors.ts";
import { canonicalJson, sha256Hex } from "../../shared/formats/digest.ts";
import type { ModelFiles } from "../../shared/model/model-folder.ts";
import type { Executor } from "../engines/executor.ts";
import { joinDatasets } from "../recipes/join-datasets.ts";
import type { ParentFolder } from "../recipes/parent.ts";
import type {
  Dataset,
  JobRecipe,
  MixedDataset,
  NamedDelta,
  Progress,
  RecipeContext,
  RecipeOutcome,
  UnpublishedOutcome,
} from "../recipes/recipe.ts";
import { baseArtefacts } from "./base-artefacts.ts";
import { loadBase } from "./base-cache.ts";
import { checkpointPolicy } from "./checkpoint-policy.ts";
import type { JobClient } from "./client.ts";
import { createEventLog, type EventLog } from "./event-log.ts";
import { type HeartbeatLoop, isLost, type StopReason, startHeartbeats } from "./heartbeat.ts";
import { PageFile } from "./page-file.ts";
import { storeFolder } from "./publish.ts";

export interface LeaseContext {
  readonly client: JobClient;
  /** The executor with that name, or the process's default if the job names none. Throws `executor_missing`. */
  readonly executor: (name: ExecutorName | null) => Promise<Executor>;
  readonly recipe: (type: JobType) => JobRecipe;
  readonly cacheFolder: string;
  /** Awaited whenever the job can wait: lets more urgent jobs of this process go first. It resolves at once when `stop` aborts. */
  readonly giveWay?: (stop: AbortSignal) => Promise<void>;
  /** Milliseconds. */
  readonly now: () => number;
  /** Aborts when the process must exit. */
  readonly shutdown: AbortSignal;
  readonly log: (line: string) => void;
}

/** How a lease ended. The queue leases a `dropped` job again, at the latest when its lease lapses. */
export type LeaseOutcome = "completed" | "failed" | "released" | "dropped";

/** Codes whose cause is in the request, the data or the model, so that a retry would fail the same way. */
const PERMANENT: readonly ErrorCode[] = [
  "invalid_request",
  "invalid_json",
  "invalid_file",
  "invalid_dataset",
  "invalid_model",
  "invalid_delta",
  "model_not_found",
  "unsupported_parameter",
  "context_length_exceeded",
  "payload_too_large",
  "executor_missing",
  "non_finite",
  "corrupt_blob",
];

/** Codes that mean the server cannot be used at the moment. */
const UNREACHABLE: readonly ErrorCode[] = [
  "capacity_exceeded",
  "rate_limit_exceeded",
  "invalid_api_key",
  "permission_denied",
];

const FLUSH_MS = 1_000;

/** The shared context of the functions that handle one lease. */
interface LeaseRun {
  readonly lease: Lease;
  readonly context: LeaseContext;
  readonly stop: AbortSignal;
  readonly heartbeats: HeartbeatLoop;
  readonly events: EventLog;
}

/**
 * Runs one leased job until its result is published, its failure is reported, or the job is handed back or dropped.
 * Never throws: a failed job must not end the process.
 */
export async function runLease(lease: Lease, context: LeaseContext): Promise<LeaseOutcome> {
  const { client, shutdown, log } = context;
  const stop = new AbortController();
  const onShutdown = () => stop.abort("shutdown" satisfies StopReason);
  shutdown.addEventListener("abort", onShutdown);
  if (shutdown.aborted) onShutdown();
  const heartbeats = startHeartbeats({
    client,
    leaseSeconds: lease.lease_seconds,
    onStop: (reason) => stop.abort(reason),
  });
  const events = createEventLog(client);
  const flushing = setInterval(() => void events.flush().catch(() => undefined), FLUSH_MS);
  const run: LeaseRun = { lease, context, stop: stop.signal, heartbeats, events };
  try {
    if (isAtRung(lease)) throw new AtRung();
    const { folder, metrics, trainedTokens, hyperparameters } = await runRecipe(run);
    const result = folder === null ? null : await storeFolder(client, folder);
    await events.flush();
    const model = await client.complete({ result, metrics, trained_tokens: trainedTokens, hyperparameters });
    log(model === null ? `${lease.job}: done` : `${lease.job}: published as ${model}`);
    return "completed";
  } catch (error) {
    if (error instanceof AtRung) return await leaveJob(run, "rung");
    const reason = isLost(error) ? "lost" : (stop.signal.reason as StopReason | undefined);
    return reason === undefined ? await endAfterError(run, error) : await leaveJob(run, reason);
  } finally {
    shutdown.removeEventListener("abort", onShutdown);
    clearInterval(flushing);
    heartbeats.stop();
  }
}

/** Ends a run at the step where its trial waits for the others. */
class AtRung extends Error {}

/** Whether the state to resume from is the one to wait with: the trainer that stored it could not say so. */
function isAtRung({ checkpoint, pause_at: at }: Lease): boolean {
  return at !== undefined && checkpoint !== null && checkpoint.step >= at;
}

async function runRecipe(run: LeaseRun): Promise<RecipeOutcome | UnpublishedOutcome> {
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

interface RecipeInputs {
  readonly executor: Executor;
  /** The base's folder. */
  readonly files: ModelFiles;
  readonly openPages: RecipeContext["openPages"];
}

async function runOnBase(
  { lease, context, stop, heartbeats, events }: LeaseRun,
  { executor, files, openPages }: RecipeInputs,
): Promise<RecipeOutcome | UnpublishedOutcome> {
  const { client, now } = context;
  const dataset = async (ref: DatasetRef) => {
    const bytes = await canonicalLines(await client.download(ref, stop), ref.name);
    const format = ref.said_format === undefined ? {} : { format: ref.said_format };
    return { name: ref.name, digest: ref.sha256, bytes, ...format };
  };
  const mixed = async (files: MixtureRef["files"]): Promise<Dataset> => {
    const read: MixedDataset[] = [];
    for (const { file, weight, max_examples: maxExamples } of files) {
      read.push({ dataset: await dataset(file), weight, maxExamples });
    }
    return await joinDatasets(read);
  };
  const parent = await downloadParent(lease, (ref) => client.download(ref, stop));
  const models = new Map<string, NamedDelta>();
  for (const { name, digest, files: refs } of lease.models) {
    const own = new Map<string, Uint8Array>();
    for (const ref of refs) own.set(ref.name, await client.download(ref, stop));
    models.set(name, { digest, files: own });
  }
  const training = lease.mixture === undefined ? await dataset(lease.training_file) : await mixed(lease.mixture.files);
  const measured = lease.validation_files?.map((file) => ({ file, weight: 1 }));
  const validation =
    measured !== undefined
      ? await mixed(measured)
      : lease.validation_file === null
        ? null
        : await dataset(lease.validation_file);
  const rehearsal = lease.rehearsal_file === undefined ? {} : { rehearsal: await dataset(lease.rehearsal_file) };
  const checkpoint = lease.checkpoint === null ? null : await client.download(lease.checkpoint, stop);

  const settings = settingsOf(lease.method);
  const policy = checkpointPolicy(now, settings.hyperparameters?.checkpoint_steps);
  const started = { at: now(), step: lease.checkpoint?.step ?? 0 };
  let stepped = false;
  /** Whether to leave the current step: once steps have been trained, progress can be stored only at its end. */
  function leaves(): boolean {
    const reason = stop.reason as StopReason | undefined;
    return stop.aborted && (!stepped || reason === "cancelled" || reason === "lost");
  }
  async function yieldToEventLoop(): Promise<void> {
    // The executor and the tokenizer may compute on this thread: timers and sockets get their turn here.
    await new Promise((resume) => setImmediate(resume));
    await context.giveWay?.(stop);
    if (leaves()) stop.throwIfAborted();
  }
  /** A question may wait for minutes. */
  const questions = new AbortController();
  stop.addEventListener("abort", () => {
    if (leaves()) questions.abort(stop.reason);
  });
  /** Stores the state after everything that was reported of its steps: whoever goes on from it does not report them again. */
  async function keepState(step: number, state: Progress["state"]): Promise<void> {
    await policy.timed(async () => {
      await events.flush();
      await client.saveCheckpoint(step, state());
    });
  }
  async function afterStep({ step, totalSteps, trainedTokens, state }: Progress): Promise<void> {
    const perStep = (now() - started.at) / (step - started.step);
    heartbeats.report({
      step,
      total_steps: totalSteps,
      trained_tokens: trainedTokens,
      estimated_finish: Math.round((now() + perStep * (totalSteps - step)) / 1000),
    });
    stepped = true;
    await yieldToEventLoop();
    if (step === lease.pause_at && step < totalSteps) {
      await keepState(step, state);
      throw new AtRung();
    }
    const reason = stop.reason as StopReason | undefined;
    const keep = reason === "paused" || reason === "shutdown" || (reason === undefined && policy.due(step));
    if (keep) await keepState(step, state);
    stop.throwIfAborted();
  }

  return await context.recipe(lease.method.type)(
    {
      run: await runName(lease),
      type: lease.method.type,
      settings,
      seed: lease.seed,
      createdAt: lease.created_at,
      base: { id: lease.base.id, digest: lease.base.digest, files },
      parent,
      models,
      training,
      validation,
      ...rehearsal,
      mixture: lease.mixture && { temperature: lease.mixture.temperature, strategy: lease.mixture.strategy },
      checkpoint,
      measureAt: lease.pause_at,
    },
    {
      executor,
      now,
      event: events.add,
      openPages,
      yieldToEventLoop,
      afterStep,
      publishCheckpoint: async (step, folder, metrics) => {
        const result = await storeFolder(client, folder);
        await client.publishCheckpoint(step, { result, metrics });
      },
      ask: async (question) => {
        if (leaves()) stop.throwIfAborted();
        return await client.ask(question, questions.signal);
      },
      baseArtefacts: baseArtefacts({
        client,
        digest: lease.base.digest,
        cacheFolder: context.cacheFolder,
        signal: stop,
      }),
      keepFile: async ({ name, bytes }) => client.keepFile({ name, bytes, sha256: await sha256Hex(bytes) }),
    },
  );
}

/** The tuned model to continue from. It belongs to a tenant, so it is never cached. */
async function downloadParent(
  { parent }: Lease,
  download: (ref: BlobRef) => Promise<Uint8Array>,
): Promise<ParentFolder | undefined> {
  if (parent == null) return undefined;
  const files = new Map<string, Uint8Array>();
  for (const ref of parent.files) files.set(ref.name, await download(ref));
  const continueWith = parent.continue_with === "adapter" ? "adapter" : undefined;
  return { kind: parent.kind, digest: parent.digest, files, continueWith };
}

/** A digest of everything that determines a run, so that it never resumes from another run's checkpoint. */
async function runName(lease: Lease): Promise<string> {
  const { job, base, parent, models, training_file: file, rehearsal_file: old, method, seed, mixture } = lease;
  const how = parent?.continue_with === "adapter" ? { continue_with: "adapter" } : {};
  const start = parent == null ? {} : { parent: parent.digest, ...how };
  const used = models.length === 0 ? {} : { models: models.map(({ name, digest }) => ({ name, digest })) };
  const rehearsed = old === undefined ? {} : { rehearsed: old.sha256 };
  const text = canonicalJson({
    ...{ job, base: base.digest, ...start, ...used, ...rehearsed, data: file.sha256, method, seed },
    ...(mixture === undefined ? {} : { mixture: { ...mixture, files: mixture.files.map(sharesOf) } }),
  });
  return await sha256Hex(new TextEncoder().encode(text));
}

const sharesOf = ({ file, ...shares }: MixtureRef["files"][number]) => ({ data: file.sha256, ...shares });

/** Leaves a job that was told to stop, or that now belongs to another trainer. */
async function leaveJob({ lease, context, events }: LeaseRun, reason: StopReason | "rung"): Promise<LeaseOutcome> {
  context.log(`${lease.job}: stopped: ${reason}`);
  if (reason === "lost") return "dropped";
  try {
    if (reason !== "cancelled") await events.flush();
    await context.client.release({ reason });
    return "released";
  } catch {
    // The lease will lapse by itself.
    return "dropped";
  }
}

/** Ends a job that cannot be finished: permanently if a retry cannot help, else by leaving it to the queue. */
async function endAfterError({ lease, context, events }: LeaseRun, error: unknown): Promise<LeaseOutcome> {
  const failure = failureOf(error, lease.attempt);
  const shown = error instanceof TrimtabError ? `${error.code}: ${error.message}` : (error as Error).stack;
  context.log(`${lease.job}: ${failure === undefined ? "dropped" : "failed"}: ${shown}`);
  if (isUnreachable(error)) return "dropped";
  try {
    await events.flush();
    if (failure === undefined) return "dropped";
    await context.client.fail(failure);
    return "failed";
  } catch {
    return "dropped";
  }
}

/** The failure to report to the user; undefined if a retry may help. The queue counts the attempts. */
function failureOf(error: unknown, attempt: number): Failure | undefined {
  if (isUnreachable(error)) return undefined;
  if (error instanceof TrimtabError && PERMANENT.includes(error.code)) {
    const message = error.message.slice(0, 4000) || error.code;
    return { error: { code: error.code, message, param: error.param?.slice(0, 256) ?? null } };
  }
  // A defect; the first time may have been the machine's fault.
  if (attempt < 2) return undefined;
  const message =
    "The trainer failed on this job again because of an internal error. Report it with the job's id; the trainer's log has the details.";
  return { error: { code: "internal_error", message, param: null } };
}

const isUnreachable = (error: unknown) => error instanceof TrimtabError && UNREACHABLE.includes(error.code);
