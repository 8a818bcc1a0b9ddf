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
  const others = await otherFiles(parts, tokenizer);
  const { training_files: mixed = [], validation_files: measured = [] } = others;
  const all = [training, ...(validation === null ? [] : [validation]), ...mixed, ...measured];
  return {
    object: "fine_tuning.job.validation",
    model: request.model,
    valid: all.every(({ error }) => error === null),
    training_file: training,
    validation_file: validation,
    ...others,
  };
}

/** The dry runs of lists of files. */
async function otherFiles(
  parts: ValidationParts,
  tokenizer: Tokenizer,
): Promise<Pick<JobValidation, "training_files" | "validation_files">> {
  const lists: Pick<JobValidation, "training_files" | "validation_files"> = {};
  for (const [field, list, ids] of listsOf(parts.request)) {
    const runs: ValidatedFile[] = [];
    for (const id of ids) runs.push(await validated(parts, tokenizer, field, id));
    lists[list] = runs;
  }
  return lists;
}

type FileField = "training_file" | "validation_file";

/** The lists of files that a request has. */
function listsOf({ mixture, validation_files: measured }: CreateJob) {
  const training = ["training_file", "training_files", mixture?.files.map(({ id }) => id)] as const;
  const validation = ["validation_file", "validation_files", measured] as const;
  return [training, validation].flatMap(([field, list, ids]) =>
    ids === undefined ? [] : [[field, list, ids] as [FileField, `${FileField}s`, readonly string[]]],
  );
}

/**
 * Refuses a job whose data has tools that the model's template does not show. Reads as much of the files as a dry run does.
 *
 * @throws TrimtabError invalid_dataset with the file's field and the line's number, and what `validateJob` throws.
 */
export async function checkTools(parts: Omit<ValidationParts, "examples">): Promise<void> {
  const { request, maxLength } = parts;
  const lists = new Map(listsOf(request).map(([field, , ids]) => [field, ids]));
  const named = (["training_file", "validation_file"] as const).flatMap((field) => {
    const list = lists.get(field);
    if (list !== undefined) return list.map((file, index) => ({ field, file, param: `${field}[${index}]` }));
    return request[field] == null ? [] : [{ field, file: request[field], param: field }];
  });
  for (const { field, file, param } of named) {
    const { lines } = await headOf(parts, field, file, param);
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
  field: FileField,
  file: string,
  param: string = field,
): Promise<DatasetHead> {
  const kinds = datasetsOf(method, field);
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
