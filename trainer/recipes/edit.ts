import type { EditSettings } from "../../shared/api/edit-settings.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { RecipeContext, RecipeJob, RecipeOutcome, UnpublishedOutcome } from "./recipe.ts";

export async function edit(
  _job: RecipeJob<EditSettings>,
  _context: RecipeContext,
): Promise<RecipeOutcome | UnpublishedOutcome> {
  throw new TrimtabError("internal_error", "edits are not solved yet");
}
