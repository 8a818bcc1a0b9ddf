import type { JobType, SettingsOf } from "../../shared/api/methods.ts";
import { classifier } from "./classifier.ts";
import { dpo } from "./dpo.ts";
import { ipo } from "./ipo.ts";
import { kto } from "./kto.ts";
import { orpo } from "./orpo.ts";
import { pairRecipe } from "./preferences/pair-objective.ts";
import { unpairedRecipe } from "./preferences/unpaired-unit.ts";
import type { Recipe, RecipeJob } from "./recipe.ts";
import { rewardModel } from "./reward-model.ts";
import { recipeFor } from "./run-job.ts";
import { simpo } from "./simpo.ts";
import { steeringVector } from "./steering-vector.ts";
import { supervised } from "./supervised.ts";

/** Every type of job. A new one is a file beside this one, a row here, and a row in `JOB_TYPES` for its settings. */
export const RECIPES: { readonly [Type in JobType]: Recipe } = {
  supervised: recipeFor(supervised),
  steering_vector: (job, context) => steeringVector(job as RecipeJob<SettingsOf<"steering_vector">>, context),
  classifier,
  reward_model: rewardModel,
  dpo: pairRecipe("dpo", dpo),
  ipo: pairRecipe("ipo", ipo),
  orpo: pairRecipe("orpo", orpo),
  simpo: pairRecipe("simpo", simpo),
  kto: unpairedRecipe("kto", kto),
};
