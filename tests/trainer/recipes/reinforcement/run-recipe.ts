import type { JobType } from "../../../../shared/api/methods.ts";
import type { TrainerEvent } from "../../../../shared/api/trainer.ts";
import { sha256Hex } from "../../../../shared/formats/digest.ts";
import type { Progress, RecipeContext, RecipeJob, RecipeOutcome } from "../../../../trainer/recipes/recipe.ts";
import { RECIPES } from "../../../../trainer/recipes/registry.ts";
import { type ObjectiveRun, quietContext, tinyJobOf } from "../objectives/run-objective.ts";

export interface RecordedRun {
  readonly outcome: RecipeOutcome;
  readonly messages: readonly string[];
  /** The data of every step's event. */
  readonly steps: readonly Readonly<Record<string, number>>[];
  /** The digests of the result's files, by name. */
  readonly files: Readonly<Record<string, string>>;
}

// biome-ignore lint/suspicious/noExplicitAny: each type has settings of its own, which its schema checks
export type RecipeRun = Omit<ObjectiveRun<any>, "afterStep"> & {
  readonly type: Exclude<JobType, "synthesize" | "edit" | "causal_tracing">;
  readonly afterStep?: (progress: Progress) => void;
  readonly context?: Partial<RecipeContext>;
  readonly job?: Partial<RecipeJob>;
};

/** Runs a type's recipe on the tiny model. */
export async function runRecipe({ type, context: given, job: changes, ...options }: RecipeRun): Promise<RecordedRun> {
  const events: Omit<TrainerEvent, "seq">[] = [];
  const context = quietContext({
    ...(options.executor === undefined ? {} : { executor: options.executor }),
    event: (event) => void events.push(event),
    afterStep: async (progress) => options.afterStep?.(progress),
    ...given,
  });
  const job = { ...(await tinyJobOf(options)), type, ...changes };
  const outcome = await RECIPES[type](job as RecipeJob, context);
  const digests = [...outcome.folder.files].map(async ([name, bytes]) => [name, await sha256Hex(bytes)] as const);
  return {
    outcome,
    messages: events.filter((event) => event.type === "message").map(({ message }) => message),
    steps: events.flatMap((event) => (event.type === "metrics" ? [event.data as Record<string, number>] : [])),
    files: Object.fromEntries(await Promise.all(digests)),
  };
}

/** The checkpoint of a run that is killed after a step. */
export async function killed(options: RecipeRun, after: number): Promise<Uint8Array> {
  let checkpoint: Uint8Array | undefined;
  const dying = runRecipe({
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
  return checkpoint!;
}
