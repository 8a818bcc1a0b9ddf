import { settingsPath, type TrainingSettings } from "../../shared/api/methods.ts";
import { MixtureSettings } from "../../shared/api/mixtures.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type ModelConfig, parseModelConfig } from "../../shared/model/config.ts";
import { readModelJson } from "../../shared/model/model-folder.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { continuedValues } from "../../shared/package/continued-adapters.ts";
import { attachMethods, learningRateOf } from "../../shared/peft/combine.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import type { RowOptions } from "../data/batches.ts";
import { createPhasePlan, type PhasePlan } from "../data/phase-plan.ts";
import { sizeOf, type UnitSize } from "../data/shared-prompts.ts";
import { createStepPlan, type StepPlan } from "../data/step-plan.ts";
import { lengthsOf, type Unit, type UnitForm } from "../data/units.ts";
import { chooseRows } from "./choose-rows.ts";
import { findFileOverlap } from "./file-overlap.ts";
import { type ResolvedHyperparameters, resolveHyperparameters } from "./hyperparameters.ts";
import { longestSequence, readUnits } from "./job-data.ts";
import { type FileUnits, filesInOrder, mixFiles, type RunMixture } from "./mixed-files.ts";
import { type Objective, type OwnParameters, REFERENCE } from "./objective.ts";
import { checkContinuation, loadStart, type ParentDelta, type ResumedDelta } from "./parent.ts";
import type { Dataset, Metrics, RecipeContext, RecipeJob } from "./recipe.ts";

/** A job whose data has been read and whose every `auto` has been resolved. Nothing is compiled yet. */
export interface PreparedRun {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  /** The parent's delta that is folded into the weights. */
  readonly below: ParentDelta | undefined;
  /** The parent's delta whose numbers are the method's first values. */
  readonly resumed: ResumedDelta | undefined;
  /** The method with the objective's own parameters. */
  readonly method: AttachedMethod;
  readonly own: OwnParameters | undefined;
  /** The longest text in tokens. */
  readonly maxLength: number;
  /** Units as they are in the files, or prompts; without placeholders. */
  readonly training: readonly Unit[];
  /** undefined if there is no validation file. */
  readonly validation: readonly Unit[] | undefined;
  /** How many lines the two files share, in the job's metrics; empty where none. */
  readonly overlap: Metrics;
  /** How several training files are mixed; undefined of one. */
  readonly mixture: RunMixture | undefined;
  /** Where the units of several validation files are; undefined of one. */
  readonly validationFiles: readonly FileUnits[] | undefined;
  readonly hyperparameters: ResolvedHyperparameters;
  readonly plan: StepPlan;
  /** The same plan with its phases; undefined for a run without. */
  readonly phases: PhasePlan | undefined;
  readonly rows: RowOptions;
}

/**
 * Loads the base or the tuned model to continue from, attaches the method and reads the data. Throws `invalid_request`, `invalid_file`, `invalid_dataset` or
 * `invalid_model` with what to change.
 */
export async function prepareRun<S extends TrainingSettings>(
  objective: Objective<S>,
  job: RecipeJob<S>,
  context: RecipeContext,
): Promise<PreparedRun> {
  const { settings, seed } = job;
  const { hyperparameters: given, peft } = settings;
  const path = settingsPath(job);
  const { config, weights, tokenizer, below, resumed } = loadStart(job.base.files, job.parent);
  const encode = (text: string) => tokenizer.encode(text);
  const own = objective.parameters?.({ config, settings, seed });
  const fresh = attachMethods({ config, weights, settings: peft, seed, encode, param: `${path}.peft` });
  const attached = resumed === undefined ? fresh : await atParent(fresh, resumed);
  if (job.parent !== undefined && resumed === undefined) {
    const first = { config, weights, settings: peft, seed, values: attached.initial };
    await checkContinuation(job.parent, first, { tied: baseIsTied(job), param: `${path}.peft` });
  }
  async function atParent(method: AttachedMethod, { files, manifest }: ResumedDelta): Promise<AttachedMethod> {
    const { initial } = method;
    const param = `${path}.peft`;
    const values = await continuedValues({ files, manifest, config, weights, settings: peft, param, initial });
    return { ...method, initial: values, startsAsBase: false };
  }
  const method = own === undefined ? attached : withOwnParameters(attached, own);
  const { virtualTokens = 0, prefixTokens = 0 } = method;
  const maxLength = longestSequence(config, given.max_length, {
    methodPositions: virtualTokens + prefixTokens,
    param: `${path}.hyperparameters.max_length`,
  });

  const room = objective.phases?.replyTokens(settings) ?? 0;
  if (room >= maxLength) {
    const at = `${path}.hyperparameters.max_completion_length`;
    throw new TrimtabError(
      "invalid_request",
      `\`${at}\` is ${room}, which leaves no room for a prompt within ${maxLength} tokens: ask for at most ${maxLength - 1}.`,
      { param: at },
    );
  }
  const prompts = objective.rollouts !== undefined || objective.phases !== undefined;
  const readFile = (dataset: Dataset, param: string) =>
    readUnits(
      { name: dataset.name, lines: objective.lines(dataset, settings) },
      { config, tokenizer, maxLength: maxLength - room, date: new Date(job.createdAt * 1000), param, prompts },
      context,
    );
  const read = async (dataset: Dataset, param: "training_file" | "validation_file"): Promise<ReadFiles> => {
    const { files } = dataset;
    if (files === undefined) {
      const { units, counts } = await readFile(dataset, param);
      return { units, tokens: counts.tokens, files: undefined };
    }
    const all: ReadFile[] = [];
    for (const [at, { dataset: file }] of files.entries()) {
      const { units, counts } = await readFile(file, `${param}[${at}]`);
      all.push({ name: file.name, units, tokens: counts.tokens });
    }
    return {
      units: all.flatMap(({ units }) => units),
      tokens: all.reduce((sum, { tokens }) => sum + tokens, 0),
      files: filesInOrder(all.map(({ name, units }) => ({ name, units: units.length }))),
    };
  };
  const { units: training, tokens, files: trainingFiles } = await read(job.training, "training_file");
  const measured = job.validation === null ? undefined : await read(job.validation, "validation_file");
  const validation = measured?.units;
  const overlap = await overlapOf(objective, job, context);
  const mixture =
    trainingFiles === undefined
      ? undefined
      : mixFiles(trainingFiles, { ...MixtureSettings.parse({}), ...job.mixture, shares: job.training.files!, seed });
  const examples = mixture?.perEpoch ?? training.length;

  const shape = objective.phases?.shape(settings);
  const hyperparameters = resolveHyperparameters(given, {
    ...(shape === undefined ? {} : { phases: shape }),
    examples,
    tokens: (tokens * examples) / training.length,
    hiddenSize: config.hiddenSize,
    rate: learningRateOf(peft) * (objective.learningRate ?? 1),
  });
  const { batchSize, accumulation, schedule } = hyperparameters;
  const planned = { examples, batchSize, accumulation, seed, order: mixture?.order };
  const phases = shape && createPhasePlan({ ...planned, ...shape, param: `${path}.hyperparameters` });
  const plan = phases ?? createStepPlan(planned);
  const form = formOf(objective, settings);
  // A text alone in its row has the log-probabilities, to the bit, with which it was sampled.
  const packing = !prompts && (given.packing ?? true);
  /** The most tokens that the examples of a prompt's unit will have; undefined for a unit that is trained on as it is. */
  const madeLengths = (unit: Unit) =>
    shape === undefined
      ? objective.rollouts?.lengths(unit, { settings, limit: maxLength })
      : lengthsOf(unit).map((length) => length + room);
  const size = (unit: Unit): UnitSize => {
    const made = madeLengths(unit);
    const { lengths, shared } =
      made === undefined ? sizeOf(unit, packing && form.sharesPrompt === true) : { lengths: made, shared: 0 };
    // Placeholders stand before every example, so they are shared too.
    return {
      lengths: lengths.map((length) => virtualTokens + length),
      shared: shared === 0 ? 0 : virtualTokens + shared,
    };
  };
  const rows = chooseRows({
    config,
    plan,
    totalSteps: schedule.totalSteps,
    training: training.map(size),
    validation: (validation ?? []).map(size),
    limit: virtualTokens + maxLength,
    packing,
    padId: tokenizer.padId,
    form,
  });
  return {
    ...{
      config,
      weights,
      tokenizer,
      below,
      resumed,
      method,
      own,
      maxLength,
      training,
      validation,
      overlap,
      mixture,
      validationFiles: measured?.files,
      hyperparameters,
      plan,
      phases,
      rows,
    },
  };
}

interface ReadFile {
  readonly name: string;
  readonly units: readonly Unit[];
  readonly tokens: number;
}

interface ReadFiles extends Omit<ReadFile, "name"> {
  /** undefined of one file. */
  readonly files: readonly FileUnits[] | undefined;
}

/** The units' form, with the reference's column if the objective wants one. */
function formOf<S extends TrainingSettings>(objective: Objective<S>, settings: S): UnitForm {
  const form = objective.form(settings);
  return objective.reference === undefined ? form : { ...form, columns: { ...form.columns, [REFERENCE]: "token" } };
}

function baseIsTied({ base }: Pick<RecipeJob, "base">): boolean {
  return parseModelConfig(readModelJson(base.files, "config.json")).tied;
}

function withOwnParameters(method: AttachedMethod, { parameters, initial }: OwnParameters): AttachedMethod {
  return {
    ...method,
    parameters: [...method.parameters, ...parameters],
    initial: new Map([...method.initial, ...initial]),
  };
}

/** What the job's files share. Lines that the recipe holds out of the training file overlap with it by what the file repeats. */
async function overlapOf<S extends TrainingSettings>(
  objective: Objective<S>,
  { training, validation, settings }: RecipeJob<S>,
  context: RecipeContext,
): Promise<Metrics> {
  if (validation === null || validation.bytes === training.bytes) return {};
  const compared = (dataset: Dataset) =>
    (dataset.files?.map((file) => file.dataset) ?? [dataset]).map((file) => ({
      name: file.name,
      lines: () => objective.lines(file, settings),
    }));
  return await findFileOverlap({ training: compared(training), validation: compared(validation) }, context);
}
