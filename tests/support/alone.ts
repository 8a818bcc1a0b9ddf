import type { RecipeContext } from "../../trainer/recipes/recipe.ts";

/** For runs without a server: no model answers, and files are not kept. */
export const ALONE: Pick<RecipeContext, "ask" | "keepFile"> = {
  ask: async () => ({ failure: "no server" }),
  keepFile: async () => undefined,
};
