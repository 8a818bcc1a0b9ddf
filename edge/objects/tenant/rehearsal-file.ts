import { BASE_TEXTS } from "../../../shared/api/keeping-settings.ts";
import { type Method, settingsOf, settingsPath } from "../../../shared/api/methods.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { CORPUS_FILE } from "../../../shared/evaluation/corpus.ts";
import type { Database } from "../database.ts";
import { requireDataset } from "./files.ts";
import type { JobBase } from "./job-base.ts";

/** The uploaded file that a method rehearses; undefined where it rehearses nothing, or the base's own texts. */
export function rehearsalFileOf(method: { readonly type: string }): string | undefined {
  const { rehearsal_file: file } = settingsOf(method).hyperparameters ?? {};
  return file === BASE_TEXTS ? undefined : file;
}

/**
 * @throws TrimtabError not_found for a rehearsal file that the tenant does not have, invalid_request for one that holds nothing to learn, and for settings that compare losses on a validation file which the job lacks.
 */
export function requireKept(
  db: Database,
  method: Method,
  { validation, at = settingsPath(method) }: { readonly validation: string | null; readonly at?: string | undefined },
): void {
  const hyperparameters = `${at}.hyperparameters`;
  const file = rehearsalFileOf(method);
  if (file !== undefined) {
    const param = `${hyperparameters}.rehearsal_file`;
    const { trainable } = requireDataset(db, file, { param, kinds: ["examples"] });
    if (trainable === 0) {
      throw new TrimtabError("invalid_dataset", `The file ${file} has nothing to learn, so it cannot be rehearsed.`, {
        param,
      });
    }
  }
  requireEvaluationSet(method, validation);
  const { early_stopping_patience: patience, load_best_model_at_end: best } = settingsOf(method).hyperparameters ?? {};
  if (validation !== null || (patience === undefined && best !== true)) return;
  const param = `${hyperparameters}.${patience === undefined ? "load_best_model_at_end" : "early_stopping_patience"}`;
  const message = `\`${param}\` compares losses on a validation file. Name one as \`validation_file\`, or leave the setting out.`;
  throw new TrimtabError("invalid_request", message, { param });
}

function requireEvaluationSet(method: Method, validation: string | null): void {
  if (method.type !== "synthesize" || validation !== null) return;
  if (method.synthesize.filters?.contamination === undefined) return;
  const param = "method.synthesize.filters.contamination";
  const message = `\`${param}\` rejects what the validation file has too. Name one as \`validation_file\`, or leave the filter out.`;
  throw new TrimtabError("invalid_request", message, { param });
}

/** @throws TrimtabError invalid_request for a job that rehearses the texts of a base which comes without any. */
export function requireBaseTexts(method: Method, { id, files }: Pick<JobBase, "id" | "files">): void {
  const { rehearsal_file: file } = settingsOf(method).hyperparameters ?? {};
  if (file !== BASE_TEXTS || files.some(({ name }) => name === CORPUS_FILE)) return;
  const param = `${settingsPath(method)}.hyperparameters.rehearsal_file`;
  const message = `\`${param}\` is "${BASE_TEXTS}", but the model ${id} comes without texts of its own (${CORPUS_FILE}). Upload a file of texts and send its id.`;
  throw new TrimtabError("invalid_request", message, { param });
}
