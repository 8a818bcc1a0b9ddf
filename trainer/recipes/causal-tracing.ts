import type { CausalTracingSettings } from "../../shared/api/edit-settings.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { RecipeContext, RecipeJob, UnpublishedOutcome } from "./recipe.ts";

export async function causalTracing(
  _job: RecipeJob<CausalTracingSettings>,
  _context: RecipeContext,
): Promise<UnpublishedOutcome> {
  throw new TrimtabError("internal_error", "facts are not traced yet");
}
