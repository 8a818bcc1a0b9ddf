/** Jobs of type reward_model on the tiny model. */
import { JOB_TYPES, type SettingsOf } from "../../../../shared/api/methods.ts";
import { decodeCanonical, SERVING_FILE } from "../../../../shared/delta/serving-file.ts";
import { sha256Hex } from "../../../../shared/formats/digest.ts";
import { loadModelFolder } from "../../../../shared/model/model-folder.ts";
import type { KeptFile, RecipeJob } from "../../../../trainer/recipes/recipe.ts";
import { rewardModel } from "../../../../trainer/recipes/reward-model.ts";
import { settingsOf } from "../../../support/peft.ts";
import { type ObjectiveRun, quietContext, TINY_FILES, tinyJobOf } from "../objectives/run-objective.ts";

export type RewardSettings = SettingsOf<"reward_model">;

export const rewardSettings = (hyperparameters: object = {}, more: object = {}): RewardSettings =>
  JOB_TYPES.reward_model.settings.parse({
    hyperparameters: { n_epochs: 4, batch_size: 4, learning_rate: 0.03, ...hyperparameters },
    peft: settingsOf({ type: "lora", r: 4, lora_alpha: 8 }),
    // The report has tests of its own.
    report: { enabled: false },
    ...more,
  });

export type RewardModelRun = Awaited<ReturnType<typeof runRewardModel>>;

export async function runRewardModel(
  options: Partial<ObjectiveRun<RewardSettings>> & Pick<ObjectiveRun<RewardSettings>, "training">,
  changes: Partial<RecipeJob> = {},
) {
  const events: { type: string; message: string; data: unknown }[] = [];
  const kept: KeptFile[] = [];
  const job = { ...(await tinyJobOf({ settings: rewardSettings(), ...options })), type: "reward_model", ...changes };
  const context = quietContext({
    event: (event) => void events.push(event as never),
    afterStep: async (progress) => options.afterStep?.(progress),
    keepFile: async (file) => void kept.push(file),
  });
  const outcome = await rewardModel(job as RecipeJob, context);
  const digests = [...outcome.folder.files].map(async ([name, bytes]) => [name, await sha256Hex(bytes)] as const);
  return {
    outcome,
    kept,
    /** Of every event. */
    shown: events.map(({ message }) => message),
    messages: events.filter(({ type }) => type === "message").map(({ message }) => message),
    steps: events.flatMap(({ type, data }) => (type === "metrics" ? [data as Record<string, number>] : [])),
    files: Object.fromEntries(await Promise.all(digests)),
    delta: decodeCanonical(outcome.folder.files.get(SERVING_FILE)!, loadModelFolder(TINY_FILES).config),
  };
}
