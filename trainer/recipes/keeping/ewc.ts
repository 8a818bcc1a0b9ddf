/**
 * Elastic weight consolidation (Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", 2017): a step minimises
 * beside its loss
 *
 *     λ/2 · Σ_w F_w (w − w₀)²,
 *
 * F the diagonal Fisher information of the base per token of its own texts, w₀ the weights at the run's start. For a method that adds
 * to the weights instead of training them, w − w₀ is what it adds, so the penalty is of the model that it makes.
 */
import type { TrainingSettings } from "../../../shared/api/methods.ts";
import { settingsPath } from "../../../shared/api/methods.ts";
import { gradient } from "../../../shared/autodiff/gradient.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Graph, Value } from "../../../shared/graph/graph.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { weightSpecs } from "../../../shared/model/modules.ts";
import type { AttachedMethod } from "../../../shared/peft/method.ts";
import { methodsOf } from "../../../shared/peft/presets.ts";
import { peftMethod } from "../../../shared/peft/registry.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import type { Executor } from "../../engines/executor.ts";
import { takenBy } from "../../engines/feeds.ts";
import { metricOutputs } from "../../loop/metrics.ts";
import { slots } from "../../optim/adamw.ts";
import type { PreparedRun } from "../prepare-run.ts";
import type { RecipeContext, RecipeJob } from "../recipe.ts";
import { baseFisher } from "./base-fisher.ts";
import { baseTexts } from "./base-texts.ts";
import type { StepCompanion } from "./companion.ts";
import { weightChanges } from "./weight-change.ts";

/** What the events call the penalty. */
export const EWC_PENALTY = "ewc_penalty";

export interface EwcOptions<S extends TrainingSettings> {
  readonly job: RecipeJob<S>;
  readonly run: PreparedRun;
  readonly context: Pick<RecipeContext, "event" | "yieldToEventLoop" | "baseArtefacts">;
}

/** undefined for a job that does not ask for it. Throws `invalid_request` for methods that change no weights of the base. */
export async function createEwc<S extends TrainingSettings>(
  executor: Executor,
  { job, run, context }: EwcOptions<S>,
): Promise<StepCompanion | undefined> {
  const { ewc_lambda: lambda } = job.settings.hyperparameters;
  if (lambda === undefined) return undefined;
  const param = `${settingsPath(job)}.hyperparameters.ewc_lambda`;
  const methods = methodsOf(job.settings.peft);
  const other = methods.find(({ settings }) => !peftMethod(settings).traits.mergeable);
  if (other !== undefined) throw changesNoWeights(param, other.settings.type);
  const { config, method, weights, tokenizer } = run;
  const { corpus } = baseTexts(job.base.files);
  const { event, yieldToEventLoop, baseArtefacts: artefacts } = context;
  const fisher = await baseFisher(executor, {
    ...{ config, weights, tokenizer, artefacts, param, yieldToEventLoop },
    // A run that goes on from a tuned model has other weights than the base, whose artefact it must not become.
    ...(job.parent === undefined ? {} : { artefacts: undefined }),
    corpus,
    onStart: () =>
      event({
        level: "info",
        type: "message",
        message: "Computing the Fisher information of the base, once for all jobs",
        data: null,
      }),
  });
  const graph = ewcGraph({ config, method, lambda, fisher: fisher.diagonal });
  if (graph === undefined) throw changesNoWeights(param, methods.map(({ settings }) => settings.type).join(", "));
  const { samples, tokens, half_difference: difference } = fisher;
  event({
    level: "info",
    type: "message",
    message: `Elastic weight consolidation with λ = ${lambda} and the Fisher information of ${samples} texts, ${tokens} tokens; half of them give one that differs by ${(100 * difference).toFixed(0)} %`,
    data: { ewc_lambda: lambda, samples, tokens, half_difference: difference },
  });
  const frozen = takenBy(
    graph,
    new Map<string, Tensor>([
      ...(method.frozen ?? []),
      ...[...weights.keys()].map((name) => [startName(name), weights.get(name)!] as const),
      ...[...fisher.diagonal].map(([name, tensor]) => [fisherInput(name), tensor] as const),
    ]),
  );
  return {
    metrics: { [EWC_PENALTY]: "sum" },
    step: () => ({ batches: [{ feeds: {}, trainedTokens: 0, graph, frozen }], tokens: 0 }),
  };
}

function changesNoWeights(param: string, names: string): TrimtabError {
  const message = `\`${param}\` holds the base's weights where they are, and \`${names}\` changes none of them: leave it out, or train with full or a method such as lora.`;
  return new TrimtabError("invalid_request", message, { param });
}

const startName = (name: string) => `start#${name}`;
const fisherInput = (name: string) => `fisher#${name}`;

export interface EwcGraphOptions {
  readonly config: ModelConfig;
  readonly method: Pick<AttachedMethod, "parameters" | "rewrite" | "frozen">;
  readonly lambda: number;
  readonly fisher: ReadonlyMap<string, Tensor<"f32">>;
}

/**
 * The penalty's gradient, added to the accumulators, once a step. Takes `start#NAME` and `fisher#NAME` for the weights that it needs;
 * undefined where no parameter changes a weight of the base.
 */
export function ewcGraph({ config, method, lambda, fisher }: EwcGraphOptions): Graph | undefined {
  const b = new GraphBuilder("ewc");
  const inputs = new Map<string, Value>();
  const shapes = new Map(weightSpecs(config).map(({ name, shape }) => [name, shape]));
  const input = (name: string, { dtype, shape }: Pick<Tensor, "dtype" | "shape">): Value => {
    const made = inputs.get(name) ?? b.input(name, dtype, shape);
    inputs.set(name, made);
    return made;
  };
  const own = new Map(method.parameters.map(({ name, shape }) => [name, shape]));
  const start = (name: string) => input(startName(name), { dtype: "f32", shape: shapes.get(name)! });
  const parameter = (name: string): Value => {
    const shape = own.get(name);
    return shape === undefined ? input(name, method.frozen!.get(name)!) : input(name, { dtype: "f32", shape });
  };
  const trained = method.parameters
    .filter(({ name }) => shapes.has(name))
    .map(({ name }) => ({ name, change: b.sub(parameter(name), start(name)) }));
  const changes = [...trained, ...weightChanges({ b, config, parameter, weight: start, method })];
  const terms = changes.map(({ name, change }) => {
    const weighted = b.mul(input(fisherInput(name), fisher.get(name)!), b.square(change));
    return b.reduceSum(
      weighted,
      change.shape.map((_, axis) => axis),
    );
  });
  if (terms.length === 0) return undefined;
  const penalty = b.mul(
    terms.reduce((sum, term) => b.add(sum, term)),
    lambda / 2,
  );
  const reached = reachedFrom(b, penalty);
  const changed = method.parameters.filter(({ name }) => reached.has(parameter(name)));
  if (changed.length === 0) return undefined;
  const gradients = gradient(
    b,
    penalty,
    changed.map(({ name }) => parameter(name)),
  );
  const outputs: Record<string, Value> = {
    loss: b.mul(b.detach(penalty), 0),
    ...metricOutputs({ [EWC_PENALTY]: { value: penalty, kind: "sum" } }),
  };
  for (const { name, shape } of method.parameters) {
    const { gradient: slot } = slots(name);
    const accumulated = b.input(slot, "f32", shape);
    const index = changed.findIndex((one) => one.name === name);
    outputs[slot] = index < 0 ? b.detach(accumulated) : b.add(accumulated, gradients[index]!);
  }
  return b.build(outputs);
}

/** The values that have a gradient from `end`, at most. */
function reachedFrom(b: GraphBuilder, end: Value): ReadonlySet<Value> {
  const reached = new Set<Value>([end]);
  for (const { op, inputs, outputs } of b.nodes.toReversed()) {
    if (op === "detach" || !outputs.some((output) => reached.has(output))) continue;
    for (const one of inputs) reached.add(one);
  }
  return reached;
}
