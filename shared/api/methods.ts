/**
 * How a job trains: `method: {type, [type]: settings}`, where the settings are in a field named after the type.
 * `JOB_TYPES` is the one list of types. Schemas, TypeScript types, the edge's checks and the trainer's registry follow
 * from it, and nothing else names a type.
 */
import { z } from "zod";
import type { DatasetKindName } from "../data/dataset-kinds/registry.ts";
import { SCORER_MODES, type ScorerMode } from "../delta/scorer.ts";
import { TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { ChosenSettings, methodsOf, type PeftChoice } from "../peft/presets.ts";
import { ConstitutionalSettings, checkJudges, modelsAsked, rewardNumbers } from "./constitutional.ts";
import { CausalTracingSettings, checkEdit, EditSettings, modelsOfEdit } from "./edit-settings.ts";
import { DEFAULT_LANE, type Lane } from "./lanes.ts";
import type { JobFiles } from "./mixtures.ts";
import { PREFERENCE_TYPES } from "./preference-methods.ts";
import { REINFORCEMENT_TYPES } from "./reinforcement-methods.ts";
import { modelsOfReport } from "./report-settings.ts";
import { REWARD_MODEL_TYPE } from "./reward-model-settings.ts";
import { checkSteeringVector, SteeringVectorSettings } from "./steering-vector.ts";
import { checkSynthesis, modelsAskedBySynthesis, SynthesizeSettings } from "./synthesize.ts";
import {
  HYPERPARAMETER_DEFAULTS,
  hyperparametersSchema,
  LORA_DEFAULTS,
  Peft,
  type TrainingHyperparameters,
  trainingHyperparameters,
} from "./training-settings.ts";

export {
  hyperparametersSchema,
  Peft,
  type TrainingHyperparameters,
  type TrainingSettings,
} from "./training-settings.ts";

export const SupervisedHyperparameters = hyperparametersSchema("SupervisedHyperparameters", {});

export const ClassifierHyperparameters = hyperparametersSchema("ClassifierHyperparameters", {
  lm_weight: z.number().gt(0).max(1).default(0.6).meta({
    description: "For `class_rows`: the share of the language models' loss; the rest tells the classes apart",
  }),
});

const ClassifierSettings = z
  .strictObject({
    hyperparameters: ClassifierHyperparameters.default({ ...HYPERPARAMETER_DEFAULTS, lm_weight: 0.6 }),
    peft: z
      .union([ChosenSettings, z.array(ChosenSettings).max(LIMITS.peftMethods)])
      .default(LORA_DEFAULTS)
      .meta({ description: "An empty list trains the head alone" }),
    modes: z
      .array(z.enum(SCORER_MODES))
      .min(1)
      .refine((modes) => new Set(modes).size === modes.length, "must not name a mode twice")
      .optional()
      .meta({ description: "The ways to guide with it; all that `peft` allows by default" }),
    value_rank: z.int().min(1).max(256).default(16).meta({ description: "Of the values of next tokens" }),
    prefix: z
      .strictObject({
        min_tokens: z.int().min(1).max(256).default(1).meta({ description: "The shortest beginning that is judged" }),
      })
      .default({ min_tokens: 1 }),
  })
  .superRefine(({ peft, modes }, context) => {
    const methods = methodsOf(peft);
    if (methods.some(({ settings }) => settings.type === "full")) {
      const message =
        "must not be full: a classifier is a delta; choose a method such as lora, or [] for the head alone";
      context.addIssue({ code: "custom", path: ["peft"], message });
    }
    if (methods.length === 0 && modes?.includes("class_rows")) {
      const message =
        "must not have class_rows without a method: the rows of the classes differ only in what it learns";
      context.addIssue({ code: "custom", path: ["modes"], message });
    }
  });
export type ClassifierSettings = z.infer<typeof ClassifierSettings>;

/** The ways that a classifier job trains, in the order of the list of all. */
export function classifierModes({ peft, modes }: Pick<ClassifierSettings, "peft" | "modes">): ScorerMode[] {
  const offered = methodsOf(peft).length === 0 ? SCORER_MODES.filter((mode) => mode !== "class_rows") : SCORER_MODES;
  return offered.filter((mode) => modes?.includes(mode) ?? true);
}

/** The numbers of a classifier's scorer with as many classes as there can be, which only the data tells. */
function classifierNumbers(settings: ClassifierSettings, { hiddenSize, vocabSize }: ScoredModel): number {
  const head = (hiddenSize + 1) * LIMITS.labels;
  if (!classifierModes(settings).includes("token_values")) return head;
  return head + settings.value_rank * (hiddenSize * LIMITS.labels + vocabSize);
}

interface JobTypeRow {
  /** The lane of trainers that its jobs wait in; `jobs` if left out. */
  readonly lane?: Lane;
  /** Whether a job may end without a result: what it found is in the files that it keeps. */
  readonly mayPublishNothing?: boolean;
  /** Whether its jobs start from a base alone, and no pipeline has them as stages: tuned models come by its settings, if at all. */
  readonly onBasesAlone?: boolean;
  /** What its files hold; of several kinds, both files must be of the same one, and the first that fits counts. */
  readonly dataset: DatasetKindName | readonly DatasetKindName[];
  /** Whether a job may mix several files: its lines are learned from one by one, whichever file they are in. */
  readonly mixes?: boolean;
  /** What its validation file holds, if not the same. */
  readonly validationDataset?: DatasetKindName;
  /** The schema of the field named after the type. It accepts an empty object and fills in the rest. */
  readonly settings: z.ZodType;
  /** The hyperparameters that OpenAI's API also has. */
  readonly openAiHyperparameters: readonly string[];
  /**
   * Checks settings that are not `peft` or hyperparameters against the model's shape. Throws `invalid_request` with a field
   * under `path`. Absent if there are none to check.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the row's own settings, which the compiler does not follow through the table
  readonly check?: (settings: any, model: { readonly layers: number }, path: string) => void;
  /**
   * The most numbers of the scorer that the published delta carries; absent where it carries none. Such a job's result is always
   * a delta. `settings` are those of `settings`' schema.
   */
  scorerNumbers?(settings: never, model: ScoredModel): number | undefined;
  /**
   * The tenant's deltas that its settings name, such as reward models. They are looked up when a job is created, kept while it has
   * not ended, and handed to its trainer. `settings` are those of `settings`' schema.
   */
  models?(settings: never): readonly NamedModel[];
  /** The models that it asks over the API while it runs, such as judges. They must exist when a job is created. */
  asks?(settings: never): readonly Pick<NamedModel, "name" | "param">[];
}

/** A model that the settings of a job name. */
export interface NamedModel {
  readonly name: string;
  /** The field that names it, below the type's settings: `reward.model`. */
  readonly param: string;
  /** The scorer that it must have; absent: any delta will do. */
  readonly scorer?: "reward" | "classifier";
}

/** The sizes that a scorer depends on. */
export interface ScoredModel {
  readonly hiddenSize: number;
  readonly vocabSize: number;
}

/**
 * Every type of job that a request can name. A new one is a row here, for its settings, and a row in
 * `trainer/recipes/registry.ts`, for the objective that trains it.
 */
export const JOB_TYPES = {
  supervised: {
    settings: z.strictObject({
      hyperparameters: SupervisedHyperparameters.default(HYPERPARAMETER_DEFAULTS),
      peft: Peft.default(LORA_DEFAULTS),
    }),
    dataset: "examples",
    mixes: true,
    openAiHyperparameters: ["n_epochs", "batch_size", "learning_rate_multiplier"],
  },
  classifier: {
    settings: ClassifierSettings,
    dataset: "labelled_texts",
    openAiHyperparameters: [],
    scorerNumbers: classifierNumbers,
  },
  steering_vector: {
    settings: SteeringVectorSettings,
    dataset: "contrast_pairs",
    validationDataset: "condition_prompts",
    openAiHyperparameters: [],
    check: checkSteeringVector,
  },
  reward_model: REWARD_MODEL_TYPE,
  ...PREFERENCE_TYPES,
  ...REINFORCEMENT_TYPES,
  constitutional: {
    settings: ConstitutionalSettings,
    dataset: "prompts",
    openAiHyperparameters: [],
    check: (settings: ConstitutionalSettings, _: unknown, path: string) => checkJudges(settings, path),
    models: modelsOfReport,
    asks: modelsAsked,
    scorerNumbers: rewardNumbers,
  },
  synthesize: {
    settings: SynthesizeSettings,
    dataset: "examples",
    openAiHyperparameters: [],
    mayPublishNothing: true,
    check: (settings: SynthesizeSettings, _: unknown, path: string) => checkSynthesis(settings, path),
    asks: modelsAskedBySynthesis,
  },
  edit: {
    lane: "edits",
    settings: EditSettings,
    dataset: "facts",
    validationDataset: "examples",
    openAiHyperparameters: [],
    check: checkEdit,
    models: modelsOfEdit,
    mayPublishNothing: true,
    onBasesAlone: true,
  },
  causal_tracing: {
    lane: "edits",
    settings: CausalTracingSettings,
    dataset: "facts",
    openAiHyperparameters: [],
    mayPublishNothing: true,
    onBasesAlone: true,
  },
} as const satisfies Readonly<Record<string, JobTypeRow>>;

export type JobType = keyof typeof JOB_TYPES;
export type SettingsOf<Type extends JobType> = z.infer<(typeof JOB_TYPES)[Type]["settings"]>;
export type MethodOf<Type extends JobType> = { type: Type } & { [Field in Type]: SettingsOf<Type> };
export type Method = { [Type in JobType]: MethodOf<Type> }[JobType];

/** The type of a request without a `method`. */
export const DEFAULT_JOB_TYPE: JobType = "supervised";

/** `reward_model` → `RewardModelMethod` */
const schemaId = (type: string) => `${type.replace(/(?:^|_)([a-z])/g, (_, letter) => letter.toUpperCase())}Method`;

/** Settings that can be left out as a whole, unless one of them has no default. */
function withDefault(settings: z.ZodType): z.ZodType {
  const none = settings.safeParse({});
  return none.success ? settings.default(none.data) : settings;
}

const rows: Readonly<Record<string, JobTypeRow>> = JOB_TYPES;
/** One for each type, for unions of them with others. */
export const methodSchemas = Object.entries(rows).map(([type, { settings }]) =>
  z.strictObject({ type: z.literal(type), [type]: withDefault(settings) }).meta({ id: schemaId(type) }),
);
type MethodSchemas = [(typeof methodSchemas)[number], ...typeof methodSchemas];

export const Method = z
  .discriminatedUnion("type", methodSchemas as MethodSchemas)
  .meta({ id: "Method" }) as unknown as z.ZodType<Method>;

/** OpenAI's deprecated place for hyperparameters, at the top level of a request: those of the default type. */
export const DeprecatedHyperparameters = z
  .strictObject(
    Object.fromEntries(
      JOB_TYPES[DEFAULT_JOB_TYPE].openAiHyperparameters.map((name) => [name, trainingHyperparameters[name]]),
    ),
  )
  .meta({ id: "Hyperparameters" });

/** Fields that types may share; a type that lacks one leaves it undefined. */
export interface JobSettings {
  readonly hyperparameters?: Partial<TrainingHyperparameters>;
  readonly peft?: PeftChoice;
}

/** A method's settings, whatever its type. */
export function settingsOf(method: { readonly type: string }): JobSettings {
  return (method as unknown as Readonly<Record<string, JobSettings>>)[method.type]!;
}

/** The lane that a job of this method waits in. */
export function laneOf({ type }: { readonly type: string }): Lane {
  return rows[type]?.lane ?? DEFAULT_LANE;
}

/** Whether a job of this method may end without a result. */
export function mayPublishNothing({ type }: { readonly type: string }): boolean {
  return rows[type]?.mayPublishNothing ?? false;
}

/**
 * Refuses a type of job that starts from a base alone, for a `model` that is tuned, a stage of a pipeline or a trial of a sweep. Throws
 * `invalid_request` for `param`.
 */
export function requireStartsFrom(
  method: { readonly type: string },
  from: "tuned" | "stage" | "trial",
  param: string,
): void {
  const row = rows[method.type];
  if (from === "stage" && row?.mayPublishNothing === true && row.onBasesAlone !== true) {
    const message = `A pipeline has no stages of the type ${method.type}, which makes no model. Run it before, and train on its file.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  if (row?.onBasesAlone !== true) return;
  const message =
    from !== "tuned"
      ? `A ${from === "stage" ? "pipeline has no stages" : "sweep has no trials"} of the type ${method.type}. Use \`POST /v1/edits\` on its result instead.`
      : `A job of the type ${method.type} starts from a base model. Name the base, or send the tuned model to \`POST /v1/edits\`.`;
  throw new TrimtabError("invalid_request", message, { param });
}

/** What a job's file must hold: one of these kinds. */
export function datasetsOf(
  { type }: Pick<Method, "type">,
  param: "training_file" | "validation_file",
): readonly DatasetKindName[] {
  const { dataset, validationDataset = dataset } = rows[type]!;
  return [param === "training_file" ? dataset : validationDataset].flat();
}

/** Throws `invalid_request`, with the field, for a list of files where the type of job takes one. */
export function requireMixable(
  { type }: { readonly type: string },
  { mixture, validation_files: measured }: Pick<JobFiles, "mixture" | "validation_files">,
): void {
  const param = mixture !== undefined ? "training_file" : measured !== undefined ? "validation_file" : undefined;
  if (param === undefined || rows[type]?.mixes === true) return;
  const mixing = Object.keys(rows).filter((name) => rows[name]!.mixes === true);
  const message = `\`${param}\` must be one file for a job of type ${type}. Jobs that take a list are ${mixing.join(", ")}.`;
  throw new TrimtabError("invalid_request", message, { param });
}

/** Checks a method's own settings against the model's shape. Throws `invalid_request` with the field to change. */
export function checkOwnSettings(method: Method, model: { readonly layers: number }): void {
  rows[method.type]!.check?.(settingsOf(method), model, settingsPath(method));
}

/** The numbers of the scorer that a job's delta will carry, at most; undefined where it carries none. */
export function scorerNumbers(method: Method, model: ScoredModel): number | undefined {
  const row: JobTypeRow = JOB_TYPES[method.type];
  return row.scorerNumbers?.(settingsOf(method) as never, model);
}

/** The deltas that a method names, each with its whole field: `method.ppo.reward.model`. */
export function modelsNamedBy(method: Method): readonly NamedModel[] {
  const named = rows[method.type]!.models?.(settingsOf(method) as never) ?? [];
  return named.map((one) => ({ ...one, param: `${settingsPath(method)}.${one.param}` }));
}

/** The models that a method asks over the API, each with its whole field. */
export function modelsAskedBy(method: Method): readonly Pick<NamedModel, "name" | "param">[] {
  const asked = rows[method.type]!.asks?.(settingsOf(method) as never) ?? [];
  return asked.map((one) => ({ ...one, param: `${settingsPath(method)}.${one.param}` }));
}

/** The path of a method's settings in a request, for the `param` of an error: `method.dpo`. */
export function settingsPath({ type }: { readonly type: string }): string {
  return `method.${type}`;
}

/** The method of a request that names none. */
export function defaultMethod(hyperparameters?: z.infer<typeof DeprecatedHyperparameters>): Method {
  const settings = hyperparameters === undefined ? {} : { hyperparameters };
  return Method.parse({ type: DEFAULT_JOB_TYPE, [DEFAULT_JOB_TYPE]: settings });
}

export const Executor = z.enum(["onnxruntime", "tensorflow"]).meta({ id: "Executor" });
export type Executor = z.infer<typeof Executor>;
