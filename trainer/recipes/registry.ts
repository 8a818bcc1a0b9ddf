import type { JobType, SettingsOf } from "../../shared/api/methods.ts";
import { causalTracing } from "./causal-tracing.ts";
import { classifier } from "./classifier.ts";
import { constitutional } from "./constitutional.ts";
import { dpo } from "./dpo.ts";
import { edit } from "./edit.ts";
import { grpo } from "./grpo.ts";
import { ipo } from "./ipo.ts";
import { kto } from "./kto.ts";
import { orpo } from "./orpo.ts";
import { ppo } from "./ppo.ts";
import { pairRecipe } from "./preferences/pair-objective.ts";
import { unpairedRecipe } from "./preferences/unpaired-unit.ts";
import type { JobRecipe, Recipe, RecipeJob } from "./recipe.ts";
import { reinforcePp } from "./reinforce-pp.ts";
import { reinforcement, reinforcementRecipe } from "./reinforcement/recipe.ts";
import { alignmentReport } from "./report/alignment-report.ts";
import { rewardModel } from "./reward-model.ts";
import { rloo } from "./rloo.ts";
import { recipeFor } from "./run-job.ts";
import { simpo } from "./simpo.ts";
import { steeringVector } from "./steering-vector.ts";
import { supervised } from "./supervised.ts";
import { synthesize } from "./synthesize.ts";

/** It is asked nothing: its report shows the run, what it learned by heart and what is left of the base. */
const SUPERVISED = recipeFor(supervised, alignmentReport({ lines: "none" }));
/** What a constitution's revisions teach, with the report that alignment ends with. */
const REVISIONS = recipeFor(supervised, alignmentReport({ lines: "completions" }));
const DPO = pairRecipe("dpo", dpo);

/** The types whose jobs may end without a result to publish. */
type Unpublished = "synthesize" | "edit" | "causal_tracing";
type Recipes = { readonly [Type in Exclude<JobType, Unpublished>]: Recipe } & {
  readonly [Type in Unpublished]: JobRecipe;
};

/** Every type of job. A new one is a file beside this one, a row here, and a row in `JOB_TYPES` for its settings. */
export const RECIPES: Recipes = {
  supervised: SUPERVISED,
  steering_vector: (job, context) => steeringVector(job as RecipeJob<SettingsOf<"steering_vector">>, context),
  classifier,
  reward_model: rewardModel,
  dpo: DPO,
  ipo: pairRecipe("ipo", ipo),
  orpo: pairRecipe("orpo", orpo),
  simpo: pairRecipe("simpo", simpo),
  kto: unpairedRecipe("kto", kto),
  ppo: reinforcementRecipe(ppo),
  rloo: reinforcementRecipe(rloo),
  grpo: reinforcementRecipe(grpo),
  reinforce_pp: reinforcementRecipe(reinforcePp),
  constitutional: constitutional({ revise: REVISIONS, preferences: DPO, reward_model: rewardModel }),
  reinforcement,
  synthesize: (job, context) => synthesize(job as RecipeJob<SettingsOf<"synthesize">>, context),
  edit: (job, context) => edit(job as RecipeJob<SettingsOf<"edit">>, context),
  causal_tracing: (job, context) => causalTracing(job as RecipeJob<SettingsOf<"causal_tracing">>, context),
};
