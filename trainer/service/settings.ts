import { randomBytes } from "node:crypto";
import { availableParallelism, hostname } from "node:os";
import { z } from "zod";
import { LANES, Lane } from "../../shared/api/lanes.ts";
import { Executor } from "../../shared/api/methods.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { wordIssue } from "../../shared/issue-words.ts";

/** Settings of one trainer process. */
export interface ServiceSettings {
  /** The server's address; the trainer calls no other origin. */
  readonly url: URL;
  readonly token: string;
  /** This process's name, new at every start. */
  readonly trainer: string;
  /** The executor for jobs that do not choose one. */
  readonly executor: Executor;
  /** The tfjs backend that the TensorFlow executor must use; undefined lets it choose. */
  readonly tfjsBackend: string | undefined;
  /** Threads within one op. The last bits of a result depend on it. */
  readonly threads: number;
  /** The lanes to take jobs from. */
  readonly lanes: readonly Lane[];
  /** The folder that caches base files between jobs. */
  readonly stateFolder: string;
}

const areLanes = (names: readonly string[]) =>
  names.every((name) => Lane.safeParse(name).success) && new Set(names).size === names.length;

const environment = z.object({
  TRIMTAB_URL: z
    .url({ protocol: /^https?$/, error: "must be the server's http(s) address, such as http://127.0.0.1:8787" })
    .transform((text) => new URL(text)),
  TRAINER_TOKEN: z.string({ error: "must be the server's trainer token" }).min(1, "must be the server's trainer token"),
  TRIMTAB_EXECUTOR: z.enum(Executor.options, { error: "must be onnxruntime or tensorflow" }).default("onnxruntime"),
  TRIMTAB_TFJS_BACKEND: z.string().optional(),
  TRIMTAB_THREADS: z.coerce
    .number({ error: "must be a number of threads" })
    .int("must be a whole number of threads")
    .min(1, "must be at least 1")
    .max(256, "must be at most 256")
    .optional(),
  TRIMTAB_LANES: z
    .string()
    .transform((text) => text.split(",").map((name) => name.trim()))
    .refine(
      (names): names is Lane[] => areLanes(names),
      `must be one or more of ${LANES.join(", ")}, separated by commas`,
    )
    .default([...LANES]),
  TRIMTAB_STATE: z.string().min(1).default(".trimtab"),
});

/** Reads the settings from environment variables. Throws `invalid_request` with the variable as `param`. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): ServiceSettings {
  // Treat empty variables as unset.
  const parsed = environment.safeParse(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== "")));
  if (!parsed.success) {
    const { field: param, problem } = wordIssue(parsed.error, env);
    throw new TrimtabError("invalid_request", `The environment variable ${param} ${problem}.`, { param });
  }
  const set = parsed.data;
  return {
    url: set.TRIMTAB_URL,
    token: set.TRAINER_TOKEN,
    trainer: `${hostname().slice(0, 40)}-${process.pid}-${randomBytes(4).toString("hex")}`,
    executor: set.TRIMTAB_EXECUTOR,
    tfjsBackend: set.TRIMTAB_TFJS_BACKEND,
    threads: set.TRIMTAB_THREADS ?? availableParallelism(),
    lanes: set.TRIMTAB_LANES,
    stateFolder: set.TRIMTAB_STATE,
  };
}
