import type { TrainingSettings } from "../../../../shared/api/methods.ts";
import type { TrainerEvent } from "../../../../shared/api/trainer.ts";
import { sha256Hex } from "../../../../shared/formats/digest.ts";
import type { Executor } from "../../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import type { Objective } from "../../../../trainer/recipes/objective.ts";
import type { Metrics, Progress, RecipeContext, RecipeJob, RecipeOutcome } from "../../../../trainer/recipes/recipe.ts";
import { runJob } from "../../../../trainer/recipes/run-job.ts";
import { ALONE } from "../../../support/alone.ts";
import { tinyModel } from "../../tiny-model.ts";

const runtime = createOnnxRuntimeExecutor({ threads: 1 });
export const TINY_FILES = tinyModel();

export interface ObjectiveRun<S extends TrainingSettings> {
  readonly settings: S;
  readonly training: string;
  readonly validation?: string;
  readonly checkpoint?: Uint8Array;
  readonly executor?: Executor;
  readonly seed?: number;
  /** The base's folder; the tiny model's by default. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
  /** A file to rehearse. */
  readonly rehearsal?: string;
  readonly afterStep?: (progress: Progress) => void;
}

export interface Recorded {
  readonly outcome: RecipeOutcome;
  readonly messages: readonly string[];
  /** The data of every step's event. */
  readonly steps: readonly Readonly<Record<string, number>>[];
  readonly published: readonly { readonly step: number; readonly metrics: Metrics }[];
  /** The digests of the result's files, by name. */
  readonly files: Readonly<Record<string, string>>;
}

/** A job of the tiny model for an objective that is no row of the registry. */
export async function tinyJobOf<S extends TrainingSettings>(options: ObjectiveRun<S>): Promise<RecipeJob<S>> {
  const dataset = async (name: string, text: string) => {
    const bytes = new TextEncoder().encode(text);
    return { name, bytes, digest: await sha256Hex(bytes) };
  };
  return {
    run: "run",
    type: "tested",
    settings: options.settings,
    seed: options.seed ?? 3,
    createdAt: 1_700_000_000,
    base: { id: "tiny", digest: "b".repeat(64), files: options.files ?? TINY_FILES },
    training: await dataset("train.jsonl", options.training),
    validation: options.validation === undefined ? null : await dataset("valid.jsonl", options.validation),
    ...(options.rehearsal === undefined ? {} : { rehearsal: await dataset("old.jsonl", options.rehearsal) }),
    checkpoint: options.checkpoint ?? null,
  };
}

/** The effects of a run that nothing is kept of. */
export function quietContext(changes: Partial<RecipeContext> = {}): RecipeContext {
  let clock = 0;
  return {
    executor: runtime,
    now: () => (clock += 100),
    event: () => undefined,
    openPages: () => {
      throw new Error("pages were opened");
    },
    yieldToEventLoop: async () => undefined,
    afterStep: async () => undefined,
    publishCheckpoint: async () => undefined,
    ...ALONE,
    ...changes,
  };
}

/** Runs an objective on the tiny model, as a job's recipe would. */
export async function runObjective<S extends TrainingSettings>(
  objective: Objective<S>,
  options: ObjectiveRun<S>,
): Promise<Recorded> {
  const events: Omit<TrainerEvent, "seq">[] = [];
  const published: { step: number; metrics: Metrics }[] = [];
  const context = quietContext({
    executor: options.executor ?? runtime,
    event: (event) => void events.push(event),
    afterStep: async (progress) => options.afterStep?.(progress),
    publishCheckpoint: async (step, _, metrics) => void published.push({ step, metrics }),
  });
  const outcome = await runJob(objective, await tinyJobOf(options), context);
  const digests = [...outcome.folder.files].map(async ([name, bytes]) => [name, await sha256Hex(bytes)] as const);
  return {
    outcome,
    published,
    messages: events.filter(({ type }) => type === "message").map(({ message }) => message),
    steps: events.flatMap(({ type, data }) => (type === "metrics" ? [data as Record<string, number>] : [])),
    files: Object.fromEntries(await Promise.all(digests)),
  };
}

/** The result of a run that is killed after a step and resumed from its state there. */
export async function killedAndResumed<S extends TrainingSettings>(
  objective: Objective<S>,
  options: ObjectiveRun<S>,
  after: number,
): Promise<Recorded> {
  let checkpoint: Uint8Array | undefined;
  const dying = runObjective(objective, {
    ...options,
    afterStep: ({ step, state }) => {
      if (step !== after) return;
      checkpoint = state();
      throw new Error("killed");
    },
  });
  await dying.then(
    () => {
      throw new Error(`the run ended before step ${after}`);
    },
    (error: Error) => {
      if (error.message !== "killed") throw error;
    },
  );
  return await runObjective(objective, { ...options, checkpoint: checkpoint! });
}
