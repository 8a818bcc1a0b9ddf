import { type JobValidation, type ValidatedFile, validatedFile } from "../../shared/api/job-validation.ts";
import type { CreateJob } from "../../shared/api/jobs.ts";
import { datasetsOf, type Method } from "../../shared/api/methods.ts";
import { dryRun } from "../../shared/data/dry-run.ts";
import { requireShownTools } from "../../shared/data/tool-lines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import { type DatasetHead, datasetHead } from "../blobs/dataset-head.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";
import { yieldToEventLoop } from "../serving/yield-to-event-loop.ts";
import { baseTokenizer } from "./base-tokenizer.ts";

export interface ValidationParts {
  readonly request: CreateJob;
  readonly base: StoredFolder;
  readonly tenant: Remote<Tenant>;
  readonly blobs: R2Bucket;
  /** Tokens; longer sequences are cut at the end. */
  readonly maxLength: number;
  /** Says what its files must hold. */
  readonly method: Method;
  /** How many examples of each file are shown. */
  readonly examples: number;
}

/**
 * A job's dry run: shows what would be trained on at the beginning of its files. Creates nothing.
 *
 * @throws TrimtabError not_found for a file that is not the tenant's, invalid_request for one that holds a job's results or is of another kind,
 *   corrupt_blob, invalid_model. The reply lists problems with the data.
 */
export async function validateJob(parts: ValidationParts): Promise<JobValidation> {
  const { request } = parts;
  const tokenizer = await baseTokenizer(parts.blobs, parts.base);
  const training = await validated(parts, tokenizer, "training_file", request.training_file);
  const validation =
    request.validation_file == null
      ? null
      : await validated(parts, tokenizer, "validation_file", request.validation_file);
  return {
    object: "fine_tuning.job.validation",
    model: request.model,
    valid: training.error === null && (validation?.error ?? null) === null,
    training_file: training,
    validation_file: validation,
  };
}

/**
 * Refuses a job whose data has tools that the model's template does not show. Reads as much of the files as a dry run does.
 *
 * @throws TrimtabError invalid_dataset with the file's field and the line's number, and what `validateJob` throws.
 */
export async function checkTools(parts: Omit<ValidationParts, "examples">): Promise<void> {
  const { request, maxLength } = parts;
  for (const param of ["training_file", "validation_file"] as const) {
    const file = request[param];
    if (file == null) continue;
    const { lines } = await headOf(parts, param, file);
    try {
      await requireShownTools(lines, {
        tokenizer: () => baseTokenizer(parts.blobs, parts.base),
        maxLength,
        maxLines: LIMITS.validatedLines,
        clock: () => new Date(),
      });
    } catch (error) {
      if (!(error instanceof TrimtabError) || error.param !== undefined) throw error;
      throw new TrimtabError(error.code, error.message, { param, data: error.data, cause: error });
    }
  }
}

async function headOf(
  { tenant, blobs, method }: Pick<ValidationParts, "tenant" | "blobs" | "method">,
  param: "training_file" | "validation_file",
  file: string,
): Promise<DatasetHead> {
  const kinds = datasetsOf(method, param);
  const { key, bytes, filename, kind, said_format: format } = await tenant.files.dataset(file, { param, kinds });
  return datasetHead(blobs, { key, bytes, name: filename, kind, format }, LIMITS.validatedBytes);
}

async function validated(
  parts: ValidationParts,
  tokenizer: Tokenizer,
  param: "training_file" | "validation_file",
  file: string,
): Promise<ValidatedFile> {
  const { maxLength, examples } = parts;
  const head = await headOf(parts, param, file);
  const run = await dryRun(head.lines, {
    tokenizer,
    maxLength,
    examples,
    maxLines: LIMITS.validatedLines,
    maxTokens: LIMITS.validatedTokens,
    shownTokens: LIMITS.shownTokens,
    shownSequences: LIMITS.shownSequences,
    yieldToEventLoop,
    clock: () => new Date(),
  });
  return validatedFile({ ...run, complete: run.complete && head.whole }, { file, param, maxLength });
}
