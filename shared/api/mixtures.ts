/** Several files in one job: which, in what shares, and how a request that names them becomes one that names a file. */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

const FileId = z.string().min(1).max(64);

const weight = z.number().gt(0).max(LIMITS.mixtureWeight);
const maxExamples = z.int().min(1).max(LIMITS.mixtureExamples);

const MixedFileRequest = z
  .strictObject({
    id: FileId,
    weight: weight.optional().meta({ description: "Counts the file's examples that many times; 1 by default" }),
    max_examples: maxExamples.optional().meta({
      description: "Counts at most that many; an epoch has no more of them, and the next goes on with others",
    }),
  })
  .meta({ id: "MixedFile" });

/** One file by its id, or several that are trained on together. */
export const TrainingFiles = z.union([
  FileId,
  z
    .array(z.union([FileId, MixedFileRequest]))
    .min(1)
    .max(LIMITS.mixedFiles),
]);

/** One file by its id, or several that are measured together and each by itself. */
export const ValidationFiles = z.union([FileId, z.array(FileId).min(1).max(LIMITS.mixedFiles)]);

export const MixtureSettings = z
  .strictObject({
    temperature: z.number().min(1).max(100).default(1).meta({
      description:
        "T of the files' shares, min(examples · weight, max_examples)^(1/T): 1 is proportional, and high ones bring them close to equal",
    }),
    strategy: z.enum(["shuffle", "spread"]).default("shuffle").meta({
      description:
        "`shuffle`: an epoch's examples in a random order. `spread`: every step has the files in their shares",
    }),
  })
  .meta({ id: "MixtureSettings" });
export type MixtureSettings = z.infer<typeof MixtureSettings>;

export interface MixedFile {
  readonly id: string;
  readonly weight: number;
  readonly max_examples?: number | undefined;
}

/** What a job with several files is asked to make of them. */
export interface Mixture extends MixtureSettings {
  readonly files: readonly MixedFile[];
}

/** The files of a job as its reply shows them, where there are several. */
export const ShownFiles = {
  training_files: z
    .array(z.strictObject({ id: z.string(), weight: z.number(), max_examples: z.int().optional() }))
    .optional()
    .meta({ description: "All of them, where `training_file` was a list, of which it then shows the first" }),
  validation_files: z.array(z.string()).optional().meta({ description: "The same of `validation_file`" }),
  mixture: MixtureSettings.optional().meta({ description: "How the training files are mixed" }),
};

interface RequestedFiles {
  readonly training_file: z.infer<typeof TrainingFiles>;
  readonly validation_file?: z.infer<typeof ValidationFiles> | undefined;
  readonly mixture?: MixtureSettings | undefined;
}

/** The files of a job's request: the first of each list, and the whole lists beside them where there are several. */
export interface JobFiles {
  readonly training_file: string;
  readonly validation_file?: string | undefined;
  readonly mixture?: Mixture | undefined;
  readonly validation_files?: readonly string[] | undefined;
}

/**
 * What a request's files are. Throws `invalid_request`, with the field, for a file that is named twice, and for a mixture of one
 * file that is no list.
 */
export function jobFiles({ training_file: training, validation_file: validation, mixture }: RequestedFiles): JobFiles {
  const measured = validation === undefined ? {} : validationFiles(validation);
  if (typeof training === "string") {
    if (mixture === undefined) return { training_file: training, ...measured };
    const message = "`mixture` says how several files are mixed. Make `training_file` a list of them, or leave it out.";
    throw new TrimtabError("invalid_request", message, { param: "mixture" });
  }
  const files = training.map((file) =>
    typeof file === "string" ? { id: file, weight: 1 } : { ...file, weight: file.weight ?? 1 },
  );
  requireDifferent(
    files.map(({ id }) => id),
    "training_file",
  );
  const settings = mixture ?? MixtureSettings.parse({});
  return { training_file: files[0]!.id, ...measured, mixture: { files, ...settings } };
}

function validationFiles(
  given: z.infer<typeof ValidationFiles>,
): Pick<JobFiles, "validation_file" | "validation_files"> {
  if (typeof given === "string") return { validation_file: given };
  requireDifferent(given, "validation_file");
  return { validation_file: given[0]!, validation_files: given };
}

function requireDifferent(ids: readonly string[], field: string): void {
  const again = ids.findIndex((id, at) => ids.indexOf(id) !== at);
  if (again < 0) return;
  const param = `${field}[${again}]`;
  const message = `\`${param}\` is the same file as \`${field}[${ids.indexOf(ids[again]!)}]\`. Name it once, with a weight to count it more often.`;
  throw new TrimtabError("invalid_request", message, { param });
}
