/** Turns a fine-tuning job of OpenAI's, as its API returns it, into a request for the same job here. */
import { z } from "zod";
import { CreateJob, Metadata } from "../../../shared/api/jobs.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { wordIssue } from "../../../shared/issue-words.ts";
import { LIMITS } from "../../../shared/limits.ts";

const OpenAiJob = z.looseObject({
  id: z.string(),
  object: z.literal("fine_tuning.job"),
  model: z.string(),
  training_file: z.string().min(1),
  validation_file: z.string().min(1).nullish(),
  fine_tuned_model: z.string().nullish(),
  user_provided_suffix: z.string().nullish(),
  seed: z.int().nullish(),
  metadata: Metadata.nullish(),
  hyperparameters: z.record(z.string(), z.unknown()).nullish(),
  method: z.looseObject({ type: z.string() }).nullish(),
  integrations: z.array(z.looseObject({ type: z.string() })).nullish(),
});
type OpenAiJob = z.infer<typeof OpenAiJob>;

export interface ImportSettings {
  /** The base to train here. */
  readonly model: string;
  /** What graders ask here instead of OpenAI's models. */
  readonly judge?: string | undefined;
}

/** A request whose files are still to be uploaded. */
export interface ImportedJob {
  readonly request: Readonly<Record<string, unknown>>;
  /** OpenAI's ids of the files. */
  readonly files: { readonly training_file: string; readonly validation_file?: string };
  /** What is different here, in sentences. */
  readonly notes: readonly string[];
}

/**
 * @param value the parsed JSON; `name` is what messages call it
 * @throws TrimtabError invalid_request for what is not one job, or asks for what there is no way to do here.
 */
export function importedJob(value: unknown, name: string, settings: ImportSettings): ImportedJob {
  const job = parsed(value, name);
  const notes = [`${job.model} is trained as ${settings.model}: no weights move, the job runs anew on its data.`];
  const suffix = suffixOf(job, notes);
  const request = {
    model: settings.model,
    ...(suffix === undefined ? {} : { suffix }),
    ...(job.seed == null ? {} : { seed: job.seed }),
    metadata: metadataOf(job, notes),
    method: methodOf(job, settings, notes),
  };
  for (const { type } of job.integrations ?? []) {
    notes.push(`The integration ${type} is left out: the job's events and result files have its numbers.`);
  }
  const files = {
    training_file: job.training_file,
    ...(job.validation_file == null ? {} : { validation_file: job.validation_file }),
  };
  const checked = CreateJob.safeParse({ ...request, ...files });
  if (!checked.success) {
    const { field, problem } = wordIssue(checked.error, { ...request, ...files });
    throw new TrimtabError("invalid_request", `${name}: ${field} ${problem}.`, { param: field });
  }
  return { request, files, notes };
}

function parsed(value: unknown, name: string): OpenAiJob {
  const result = OpenAiJob.safeParse(value);
  if (result.success) return result.data;
  const object = typeof value === "object" && value !== null && "object" in value ? value.object : undefined;
  if (object === "list") {
    const message = `${name} is a list. Save one of its jobs, an element of \`data\`, as a file of its own.`;
    throw new TrimtabError("invalid_request", message);
  }
  const { field, problem } = wordIssue(result.error, value);
  const what = "the JSON of a fine-tuning job, as GET /v1/fine_tuning/jobs/{id} returned it";
  throw new TrimtabError("invalid_request", `${name} is not ${what}: ${field} ${problem}.`);
}

/** As the job was given it, or from the result's name, `ft:MODEL:ORGANISATION:SUFFIX:ID`. */
function suffixOf(job: OpenAiJob, notes: string[]): string | undefined {
  const given = job.user_provided_suffix ?? job.fine_tuned_model?.split(":")[3] ?? "";
  const suffix = given.replaceAll(/[^A-Za-z0-9_-]+/g, "-").slice(0, LIMITS.suffix);
  if (suffix !== given) notes.push(`The suffix ${JSON.stringify(given)} becomes ${JSON.stringify(suffix)}.`);
  return suffix === "" ? undefined : suffix;
}

function metadataOf({ id, metadata }: OpenAiJob, notes: string[]): Record<string, string> {
  const own = metadata ?? {};
  if (Object.keys(own).length >= LIMITS.metadataPairs && !("openai_job" in own)) {
    notes.push("The metadata is full, so OpenAI's id of the job is not noted in it.");
    return own;
  }
  return { ...own, openai_job: id.slice(0, LIMITS.metadataValue) };
}

const TYPES = ["supervised", "dpo", "reinforcement"] as const;

function methodOf(job: OpenAiJob, settings: ImportSettings, notes: string[]) {
  const type = TYPES.find((known) => known === (job.method?.type ?? "supervised"));
  if (type === undefined) {
    const message = `The job's method is ${JSON.stringify(job.method?.type)}; only ${TYPES.join(", ")} can be imported.`;
    throw new TrimtabError("invalid_request", message, { param: "method.type" });
  }
  const given = z.record(z.string(), z.unknown()).catch({}).parse(job.method?.[type]);
  const own = z.record(z.string(), z.unknown()).catch({}).parse(given.hyperparameters);
  const hyperparameters = keptHyperparameters({ ...job.hyperparameters, ...own }, type, notes);
  if (type !== "reinforcement") return { type, [type]: { hyperparameters } };
  const { response_format: format } = given;
  const isText = format == null || (format as { type?: unknown }).type === "text";
  if (!isText) notes.push("The response format is left out: let the grader reward replies that are valid JSON.");
  return { type, reinforcement: { grader: ownGrader(given.grader, settings, notes), hyperparameters } };
}

/** Numbers as they are; null and "auto" stand for the default. */
function keptHyperparameters(given: Readonly<Record<string, unknown>>, type: string, notes: string[]) {
  const { reasoning_effort: effort, ...numbers } = given;
  if (type === "reinforcement" && effort != null && effort !== "default") {
    notes.push(`reasoning_effort ${JSON.stringify(effort)} is left out: these models have no levels of reasoning.`);
  }
  const kept = Object.entries(numbers).filter(([, value]) => value != null);
  if (typeof given.learning_rate_multiplier === "number") {
    notes.push(
      `learning_rate_multiplier ${given.learning_rate_multiplier} multiplies this server's own rate, not OpenAI's, which is not public.`,
    );
  }
  return Object.fromEntries(kept);
}

/** The grader with every model that it asks replaced. */
function ownGrader(grader: unknown, { judge }: ImportSettings, notes: string[]): unknown {
  if (typeof grader !== "object" || grader === null) return grader;
  if (Array.isArray(grader)) return grader.map((part) => ownGrader(part, { model: "", judge }, notes));
  const parts = Object.fromEntries(
    Object.entries(grader).map(([name, part]) => [name, name === "graders" ? nested(part, judge, notes) : part]),
  );
  const { type, model, name } = parts as { type?: unknown; model?: unknown; name?: unknown };
  if (type !== "score_model" && type !== "label_model") return parts;
  if (judge === undefined) {
    const message = `The grader ${JSON.stringify(name)} asks ${JSON.stringify(model)}. Say with --judge which model here it is to ask.`;
    throw new TrimtabError("invalid_request", message, { param: "method.reinforcement.grader.model" });
  }
  notes.push(`The grader ${JSON.stringify(name)} asks ${judge} instead of ${JSON.stringify(model)}.`);
  return { ...parts, model: judge };
}

/** `graders` of a multi grader: one, a list, or an object of them. */
function nested(parts: unknown, judge: string | undefined, notes: string[]): unknown {
  const settings = { model: "", judge };
  if (typeof parts !== "object" || parts === null || Array.isArray(parts)) return ownGrader(parts, settings, notes);
  if ("type" in parts && typeof parts.type === "string") return ownGrader(parts, settings, notes);
  return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, ownGrader(part, settings, notes)]));
}
