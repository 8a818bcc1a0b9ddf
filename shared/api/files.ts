import { z } from "zod";
import { DATASET_KIND_NAMES, type DatasetKindName, datasetKind } from "../data/dataset-kinds/registry.ts";
import { RECORD_UNITS } from "../data/dataset-reader.ts";
import { FORMAT_NAMES } from "../data/said-format.ts";
import { TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { listSchema, pageQuery } from "./lists.ts";
import { PreferenceFigures } from "./preferences.ts";

/** What a file may be uploaded for: to train on, or any JSON objects, which evals read. */
export const UPLOAD_PURPOSES = ["fine-tune", "evals", "user_data"] as const;
export type UploadPurpose = (typeof UPLOAD_PURPOSES)[number];

/** How the server read an upload. */
export const DatasetFacts = z
  .strictObject({
    format: z.enum(["jsonl", "json", "csv", "parquet"]).meta({ description: "Detected from the bytes" }),
    compression: z.enum(["gzip", "zstd"]).nullable(),
    examples: z.int(),
    layouts: z.array(z.string()).meta({ description: "How the examples are written: `chat`, `ShareGPT`, `Alpaca`, …" }),
    formats: z
      .array(z.strictObject({ format: z.string(), examples: z.int(), first_line: z.int() }))
      .optional()
      .meta({
        description:
          "The same by the names that an upload's `format` may say, with how many examples are written so and where they begin; several are a mixture. Absent of older files",
      }),
    said_format: z.string().optional().meta({ description: "The upload's `format`, if it said one" }),
    ignored_columns: z
      .array(z.string())
      .meta({ description: "What is not trained on; `messages[].id` is a field of messages" }),
    kinds: z.array(z.enum(DATASET_KIND_NAMES)).optional().meta({
      description: "What the file can be used as, by the kinds that job types ask for; empty if not to train on",
    }),
    unfit: z
      .partialRecord(z.enum(DATASET_KIND_NAMES), z.string())
      .optional()
      .meta({ description: "Kinds that the file looked like at first, with the reason why it is not of them" }),
    preferences: z
      .strictObject(PreferenceFigures)
      .optional()
      .meta({
        description: `Of preferences, what the first ${LIMITS.inspectedUpload} lines look like; POST /v1/preferences/inspect looks at all`,
      }),
  })
  .meta({ id: "DatasetFacts" });
export type DatasetFacts = z.infer<typeof DatasetFacts>;

export const FileObject = z
  .strictObject({
    id: z.string(),
    object: z.literal("file"),
    bytes: z.int(),
    created_at: z.int(),
    filename: z.string(),
    purpose: z.enum([...UPLOAD_PURPOSES, "fine-tune-results", "edit"]),
    status: z.literal("processed"),
    status_details: z.string().nullable().meta({ description: "How the server read the file, in a sentence" }),
    expires_at: z.null(),
    dataset: DatasetFacts.nullable().meta({ description: "null for older files, without recorded facts" }),
  })
  .meta({ id: "File" });
export type FileObject = z.infer<typeof FileObject>;

export const FileList = listSchema(FileObject).meta({ id: "FileList" });

export const FileListQuery = pageQuery().extend({
  purpose: z.string().max(64).optional(),
  order: z.enum(["asc", "desc"]).default("desc"),
});

/** The multipart form of an upload, for the OpenAPI document only: the server reads the form as a stream. */
export const FileUpload = z
  .strictObject({
    file: z.string().meta({
      format: "binary",
      description:
        "A dataset as JSONL, a JSON array, CSV, TSV or Parquet; the first four may be compressed with gzip or zstd",
    }),
    purpose: z.enum(UPLOAD_PURPOSES),
    format: z
      .enum(FORMAT_NAMES as [string, ...string[]])
      .optional()
      .meta({ description: "What the lines are; found out by default. A file that is something else is refused" }),
  })
  .meta({ id: "FileUpload" });

/** For clients whose forms have no fields of their own. */
export const FileUploadQuery = z.strictObject({
  format: z.string().max(64).optional().meta({ description: "The same as the form's `format`" }),
});

const FORMS = { jsonl: "JSON Lines", json: "a JSON array", csv: "CSV", parquet: "Parquet" } as const;

/** The facts in a sentence, for people who read `status_details`. */
export function datasetSentence({
  format,
  compression,
  examples,
  layouts,
  formats = [],
  ignored_columns: ignored,
}: DatasetFacts): string {
  const form = `${FORMS[format]}${compression === null ? "" : `, compressed with ${compression}`}`;
  const left = ignored.length === 0 ? "" : ` Not trained on: ${ignored.join(", ")}.`;
  if (layouts.length === 0) return `Read as ${form}, with ${examples} ${examples === 1 ? "object" : "objects"}.`;
  const mixed = formats.map(
    ({ format: id, examples: count, first_line: line }) => `${count} ${id} from ${RECORD_UNITS[format]} ${line} on`,
  );
  const mixture = formats.length > 1 ? ` It mixes formats: ${mixed.join(", ")}.` : "";
  return `Read as ${form}, with ${examples} ${examples === 1 ? "example" : "examples"} (${layouts.join(", ")}).${mixture}${left}`;
}

/**
 * Which of the kinds that a job can use a file is of. Throws `invalid_request`, with the request's field as `param`, for a file
 * of none of them. Files without recorded facts hold examples, which is all that was accepted when they were uploaded.
 */
export function requireDatasetKind(
  facts: Pick<DatasetFacts, "kinds" | "unfit"> | null,
  wanted: readonly DatasetKindName[],
  param: string,
): DatasetKindName {
  const { kinds = ["examples"], unfit = {} } = facts ?? {};
  const found = wanted.find((kind) => kinds.includes(kind));
  if (found !== undefined) return found;
  const holds = (names: readonly DatasetKindName[]) => names.map((kind) => datasetKind(kind).holds).join(", or ");
  const reasons = wanted.flatMap((kind) => unfit[kind] ?? []);
  const reason = reasons.length === 0 ? "" : ` It is not of that kind because of this: ${reasons.join("; ")}.`;
  const message = `\`${param}\` holds ${holds(kinds)}, and the job needs ${holds(wanted)}.${reason}`;
  throw new TrimtabError("invalid_request", message, { param });
}
