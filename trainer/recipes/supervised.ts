import { TrimtabError } from "../../shared/errors.ts";
import { loadModelFolder, readModelJson } from "../../shared/model/model-folder.ts";
import { tokenizerDigest } from "../../shared/model/tokenizer.ts";
import { attachMethods, learningRateOf } from "../../shared/peft/combine.ts";
import { methodsOf } from "../../shared/peft/presets.ts";
import { chooseBatchShape } from "../data/batch-shape.ts";
import { createBatches, type RowOptions } from "../data/batches.ts";
import { createStepPlan } from "../data/step-plan.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../loop/checkpoint.ts";
import { drawMasks } from "../loop/random-masks.ts";
import { type StepReport, type TrainingPlan, train } from "../loop/train.ts";
import { initialState, parameterValues, type TrainingState } from "../loop/training-state.ts";
import { relativeRates } from "../optim/schedule.ts";
import { frozenTensors, trainingGraph } from "./causal-graphs.ts";
import { createEvaluator, lossOfBase } from "./evaluator.ts";
import { resolveHyperparameters } from "./hyperparameters.ts";
import type { Dataset, Metrics, Recipe } from "./recipe.ts";
import { publishResult } from "./result.ts";
import { longestSequence, readDataset, withVirtualTokens } from "./supervised-data.ts";

/** Steps whose micro-groups are looked at to choose the batch's shape. */
const SAMPLED_STEPS = 64;
/** Deltas are published at the ends of the last epochs, the final one included. */
const PUBLISHED_EPOCHS = 3;

/**
 * Supervised fine-tuning: next-token cross-entropy over the labelled tokens, the assistant's turns or the completions,
 * divided by their number in the whole step, so that neither packing nor micro-batches change what is learnt.
 */
export const supervised: Recipe = async (job, context) => {
  const { seed } = job;
  const { executor, now } = context;
  const { hyperparameters: asked, peft: settings } = job.method.supervised;
  const say = (message: string, data: Readonly<Record<string, number | string | boolean>> = {}) =>
    context.event({ level: "info", message, type: "message", data });
  if (executor.notice !== undefined) {
    context.event({ level: "warn", message: executor.notice, type: "message", data: null });
  }

  const { config, weights, tokenizer } = loadModelFolder(job.base.files);
  const encode = (text: string) => tokenizer.encode(text);
  const attach = { config, weights, settings, seed, encode, param: "method.supervised.peft" };
  const method = attachMethods(attach);
  const { virtualTokens = 0, prefixTokens = 0 } = method;
  const maxLength = longestSequence(config, asked.max_length, virtualTokens + prefixTokens);
  const date = new Date(job.createdAt * 1000);
  const read = (dataset: Dataset, param: "training_file" | "validation_file") =>
    readDataset(dataset, { config, tokenizer, maxLength, date, param }, context);
  const isFull = methodsOf(settings).some((one) => one.settings.type === "full");
  const { examples: texts, counts } = await read(job.training, "training_file");
  const examples = withVirtualTokens(texts, virtualTokens, tokenizer.padId);
  const baseExamples = job.validation === null ? undefined : (await read(job.validation, "validation_file")).examples;
  const heldOut = baseExamples && withVirtualTokens(baseExamples, virtualTokens, tokenizer.padId);

  const { batchSize, accumulation, epochs, optimizer, schedule, resolved } = resolveHyperparameters(asked, {
    examples: examples.length,
    tokens: counts.tokens,
    hiddenSize: config.hiddenSize,
    rate: learningRateOf(settings),
  });
  const { totalSteps } = schedule;
  const steps = createStepPlan({ examples: examples.length, batchSize, accumulation, seed });
  const lengthOf = (index: number) => examples[index]!.ids.length;
  const packing = asked.packing ?? true;
  const sampled = Array.from({ length: Math.min(totalSteps, SAMPLED_STEPS) }, (_, step) => steps.groups(step)).flat();
  const shape = chooseBatchShape({
    config,
    groups: sampled.map((group) => group.map(lengthOf)),
    longest: [...examples, ...(heldOut ?? [])].reduce((longest, { ids }) => Math.max(longest, ids.length), 0),
    limit: virtualTokens + maxLength,
    packing,
  });
  const rows: RowOptions = { shape, packing, padId: tokenizer.padId };
  const batches = createBatches(examples, steps, rows);
  const masks = method.randomInputs(shape);
  const pages = asked.optim === "paged_adamw_32bit" ? context.openPages() : undefined;
  const plan: TrainingPlan = {
    gradients: trainingGraph({ config, method, shape }),
    frozen: frozenTensors(weights, method),
    parameters: relativeRates(method.parameters, schedule),
    optimizer,
    ...(pages === undefined ? {} : { paging: { store: pages, memoryLimit: asked.optim_memory_limit ?? 0 } }),
    schedule,
    ...(method.afterStep === undefined ? {} : { afterStep: method.afterStep }),
    batches: (step) =>
      batches(step).map(({ feeds, trainedTokens }, micro) => ({
        feeds: { ...feeds, ...drawMasks(masks, { seed, step, micro }) },
        trainedTokens,
      })),
  };
  const start =
    job.checkpoint === null
      ? initialState(method.parameters, method.initial, method.afterStep?.memory)
      : decodeCheckpoint(job.checkpoint, job.run, method.parameters, method.afterStep?.memory);
  say(start.step === 0 ? `Training ${totalSteps} steps in ${epochs} epochs` : `Going on after step ${start.step}`, {
    ...resolved,
    step: start.step,
    total_steps: totalSteps,
    rows: shape.rows,
    row_tokens: shape.tokens,
  });

  const { breathe } = context;
  const evaluator =
    heldOut && (await createEvaluator(executor, { config, weights, method, rows, examples: heldOut, breathe }));
  try {
    const baseLoss =
      method.startsAsBase || baseExamples === undefined
        ? await evaluator?.loss(method.initial)
        : await lossOfBase(executor, { config, weights, method, rows, examples: baseExamples, breathe });
    if (baseLoss !== undefined)
      say(`Loss of the base on the validation file: ${baseLoss.toFixed(4)}`, { base_loss: baseLoss });

    const measure = async (state: TrainingState): Promise<Metrics> => {
      if (evaluator === undefined || baseLoss === undefined) return {};
      const tunedLoss = await evaluator.loss(parameterValues(state, method.parameters));
      if (!Number.isFinite(tunedLoss)) {
        throw new TrimtabError(
          "non_finite",
          `step ${state.step}: the loss on the validation file is not finite; lower the learning rate`,
          { data: { step: state.step, loss: tunedLoss } },
        );
      }
      return { base_loss: baseLoss, tuned_loss: tunedLoss };
    };
    const tokenizerFile = await tokenizerDigest(readModelJson(job.base.files, "tokenizer.json"));
    const publish = (state: TrainingState, metrics: Metrics) =>
      publishResult(
        {
          config,
          settings,
          seed,
          weights,
          totalSteps,
          values: parameterValues(state, method.parameters),
          base: job.base,
        },
        {
          base_model: job.base.id,
          base_digest: job.base.digest,
          tokenizer_digest: tokenizerFile,
          data_digests: [job.training, job.validation].flatMap((dataset) => dataset?.digest ?? []),
          metrics: { ...metrics },
          parents: [],
          created_at: job.createdAt,
        },
      );

    const speed = { tokens: 0, milliseconds: 0, since: now() };
    async function onStep(report: StepReport, state: TrainingState): Promise<void> {
      const { step, loss, trainedTokens } = report;
      const tokens = steps
        .groups(step - 1)
        .flat()
        .reduce((sum, index) => sum + lengthOf(index), 0);
      const milliseconds = Math.max(1, now() - speed.since);
      speed.tokens += tokens;
      speed.milliseconds += milliseconds;
      const endsEpoch = step % steps.stepsPerEpoch === 0 && step < totalSteps;
      const metrics = endsEpoch ? await measure(state) : {};
      const { tuned_loss: validation } = metrics;
      // One event a step: the server keeps a step's metrics once, however often a killed run repeats it.
      context.event({
        level: "info",
        message:
          `Step ${step}/${totalSteps}: loss ${loss.toFixed(4)}` +
          (validation === undefined ? "" : `, ${validation.toFixed(4)} on the validation file`),
        type: "metrics",
        data: {
          step,
          total_steps: totalSteps,
          loss,
          learning_rate: report.learningRate,
          grad_norm: report.gradNorm,
          tokens_per_second: (1000 * tokens) / milliseconds,
          trained_tokens: trainedTokens,
          ...(validation === undefined ? {} : { valid_loss: validation }),
        },
      });
      if (endsEpoch && !isFull && step > totalSteps - PUBLISHED_EPOCHS * steps.stepsPerEpoch) {
        await context.publishCheckpoint(step, await publish(state, metrics), { ...metrics, train_loss: loss });
      }
      await context.afterStep({ step, totalSteps, trainedTokens, state: () => encodeCheckpoint(state, job.run) });
      speed.since = now();
    }
    const end = await train(executor, plan, start, { onStep });

    const metrics = await measure(end);
    const folder = await publish(end, metrics);
    const reached = { ...metrics, ...(end.loss === undefined ? {} : { train_loss: end.loss }) };
    if (folder.kind === "delta") await context.publishCheckpoint(totalSteps, folder, reached);
    if (metrics.tuned_loss !== undefined) {
      say(
        `Loss on the validation file: ${metrics.base_loss?.toFixed(4)} before, ${metrics.tuned_loss.toFixed(4)} after`,
        metrics,
      );
    }
    const perSecond = speed.tokens === 0 ? {} : { train_tokens_per_second: (1000 * speed.tokens) / speed.milliseconds };
    return {
      folder,
      metrics: { ...reached, ...perSecond },
      trainedTokens: end.trainedTokens,
      hyperparameters: resolved,
    };
  } finally {
    await evaluator?.dispose();
  }
};
