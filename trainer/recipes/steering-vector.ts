import { settingsPath } from "../../shared/api/methods.ts";
import { checkSteeringVector, type SteeringVectorSettings } from "../../shared/api/steering-vector.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import { loadStart } from "./parent.ts";
import type { Metrics, RecipeContext, RecipeJob, RecipeOutcome } from "./recipe.ts";
import {
  chosenLayers,
  type LayerResult,
  layerMetrics,
  measureLayer,
  steeringFacts,
} from "./steering-vector/choose-layers.ts";
import type { Sides } from "./steering-vector/directions.ts";
import { type ClassesAt, findCondition } from "./steering-vector/find-condition.ts";
import { type LayerStates, type Position, readLayerStates, rowsOfTexts } from "./steering-vector/layer-states.ts";
import { publishVectors } from "./steering-vector/publish-vectors.ts";
import { readPairs, readPrompts, requireFiles } from "./steering-vector/read-texts.ts";
import { progress, report, type Say } from "./steering-vector/report.ts";
import { holdOuts } from "./steering-vector/separation.ts";

/**
 * Makes a steering vector from contrast pairs: reads the residual stream of both sides after every layer, and publishes the
 * direction from the negative sides to the positive ones as a delta whose weight is the strength. There are no gradient
 * steps, so a stopped job starts again. A job on a tuned model reads that model's activations, and its result has the vector
 * alone, to be used together with that model.
 *
 * Throws `invalid_file`, `invalid_dataset`, `invalid_request` and `invalid_model` with what to change, and `non_finite` for a
 * model whose activations are not finite.
 */
export async function steeringVector(
  job: RecipeJob<SteeringVectorSettings>,
  context: RecipeContext,
): Promise<RecipeOutcome> {
  const { settings, seed } = job;
  const { event, yieldToEventLoop } = context;
  const say: Say = (message, data = {}) => event({ level: "info", message, type: "message", data });
  if (context.executor.notice !== undefined) {
    event({ level: "warn", message: context.executor.notice, type: "message", data: null });
  }
  requireFiles(job);
  const model = loadStart(job.base.files, job.parent);
  checkSteeringVector(settings, model.config, settingsPath(job));
  const pairs = await readPairs(job, model, context);

  const { condition: conditioned } = settings;
  const prompts = await readPrompts(job, model, context);
  const sides = pairs.flatMap(({ positive, negative }) => [positive, negative]);
  const texts = [...sides, ...prompts.map(({ text }) => text)];
  const tokens = texts.reduce((sum, { ids }) => sum + ids.length, 0);
  say(`Reading ${texts.length} texts of ${tokens} tokens after each of ${model.config.layers} layers`);
  const reading = {
    ...{ config: model.config, weights: model.weights, padId: model.tokenizer.padId, yieldToEventLoop },
    onRead: progress(texts.length, say),
  };
  const ofPairs = conditioned === undefined || prompts.length > 0 ? [] : [conditioned.position];
  const states = await readLayerStates(context.executor, sides, {
    ...reading,
    positions: [...new Set([settings.position, ...ofPairs])],
  });

  /** What the condition tells apart: the sides of the pairs, or other prompts. */
  async function classes(): Promise<ClassesAt> {
    if (prompts.length === 0) return (place) => sidesAt(states, place);
    const given = prompts.map(({ text }) => text);
    const read = await readLayerStates(context.executor, given, {
      ...reading,
      positions: [conditioned!.position],
      onRead: (count) => reading.onRead(sides.length + count),
    });
    const isPositive = (text: number) => prompts[text]!.isPositive;
    return (place) => ({
      positive: rowsOfTexts(read, place, isPositive),
      negative: rowsOfTexts(read, place, (text) => !isPositive(text)),
    });
  }

  const parts = holdOuts(pairs.length, seed);
  const found: LayerResult[] = [];
  for (let layer = 0; layer < model.config.layers; layer++) {
    const streamNorm = states.streamNorms[layer]!;
    found.push(
      measureLayer(layer, sidesAt(states, { position: settings.position, layer }), { settings, parts, streamNorm }),
    );
    await yieldToEventLoop();
  }
  const chosen = chosenLayers(found, settings);
  const condition =
    conditioned &&
    (await findCondition(await classes(), conditioned, { seed, layers: model.config.layers, yieldToEventLoop }));

  const metrics: Metrics = {
    pairs: pairs.length,
    ...layerMetrics(found),
    ...(condition === undefined ? {} : { "condition/auc": condition.auc, "condition/accuracy": condition.accuracy }),
  };
  report(found, chosen, say);
  const steering = {
    ...steeringFacts(chosen, settings),
    ...(condition === undefined ? {} : { condition: condition.condition }),
  };
  const vectors = new Map(chosen.map(({ layer, vector }) => [layer, vector]));
  const folder = await publishVectors({ job, model: loadModelFolder(job.base.files), vectors, steering, metrics });
  return {
    folder,
    metrics,
    trainedTokens: tokens,
    hyperparameters: {
      layers: chosen.map(({ layer }) => layer).join(", "),
      ...(condition === undefined ? {} : { condition_layer: condition.condition.layer }),
    },
  };
}

/** Both sides at one place. The texts alternate: positive, negative. */
function sidesAt(states: LayerStates, place: { readonly position: Position; readonly layer: number }): Sides {
  return {
    positive: rowsOfTexts(states, place, (text) => text % 2 === 0),
    negative: rowsOfTexts(states, place, (text) => text % 2 === 1),
  };
}
