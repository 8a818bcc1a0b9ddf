import type { TrainingSettings } from "../../shared/api/methods.ts";
import type { Graph } from "../../shared/graph/graph.ts";
import type { Tensor } from "../../shared/tensor.ts";
import { stepBatches } from "../data/batches.ts";
import { labelledPlaces } from "../data/labelled.ts";
import { tokensOf } from "../data/units.ts";
import type { NamedTensors } from "../engines/executor.ts";
import type { CarriedState } from "../loop/carried-state.ts";
import { drawMasks } from "../loop/random-masks.ts";
import type { TrainingPlan } from "../loop/train.ts";
import { parameterValues } from "../loop/training-state.ts";
import { relativeRates } from "../optim/schedule.ts";
import { feedsFor, frozenTensors, trainingGraphWithMetrics } from "./causal-graphs.ts";
import type { StepCompanion } from "./keeping/companion.ts";
import type { Objective } from "./objective.ts";
import type { PreparedRun } from "./prepare-run.ts";
import type { RecipeContext, RecipeJob } from "./recipe.ts";
import type { UnitSource } from "./unit-source.ts";

export interface PlanOptions {
  readonly context: RecipeContext;
  readonly run: PreparedRun;
  readonly units: UnitSource;
  readonly carried: CarriedState | undefined;
  /** What joins each step beside the objective's own micro-batches. */
  readonly companions: readonly StepCompanion[];
  /** Why the run ends before the state's next step, or undefined. */
  readonly stop: TrainingPlan["stop"];
  /** Room for the labelled positions of a micro-batch, where the units are known; see `labelledCapacity`. */
  readonly labelled: number | undefined;
  /** Called before each step with the number of tokens it reads. */
  readonly onTokens: (tokens: number) => void;
}

/** The parts of a run that the loop needs. */
export function trainingPlan<S extends TrainingSettings>(
  objective: Objective<S>,
  { seed, settings }: RecipeJob<S>,
  { context, run, units, carried, companions, stop, labelled, onTokens }: PlanOptions,
): TrainingPlan {
  const { config, weights, method, rows } = run;
  const { optimizer, schedule } = run.hyperparameters;
  const { optim, optim_memory_limit: memoryLimit = 0 } = settings.hyperparameters;
  const graphOf = (room: number | undefined) =>
    trainingGraphWithMetrics({
      ...{ config, method, shape: rows.shape, units: rows.units, labelled: room },
      loss: (loss) => objective.loss(loss, settings),
    });
  const { graph, metrics } = graphOf(labelled);
  /** For a micro-batch with more labelled positions than were expected. */
  let whole: Graph | undefined;
  function graphFor(weights: Tensor<"f32">): { readonly graph: Graph; readonly places: NamedTensors } {
    const places = labelled === undefined ? undefined : labelledPlaces(weights, labelled);
    if (labelled === undefined || places !== undefined)
      return { graph, places: places === undefined ? {} : { labelled: places } };
    whole ??= graphOf(undefined).graph;
    return { graph: whole, places: {} };
  }
  const masks = method.randomInputs(rows.shape);
  return {
    gradients: graph,
    metrics: Object.assign({}, metrics, ...companions.map((one) => one.metrics)),
    frozen: frozenTensors(weights, method),
    parameters: relativeRates(method.parameters, schedule),
    optimizer,
    ...(optim === "paged_adamw_32bit" ? { paging: { store: context.openPages(), memoryLimit } } : {}),
    schedule,
    ...(method.afterStep === undefined ? {} : { afterStep: method.afterStep }),
    ...(carried === undefined ? {} : { carried }),
    ...(stop === undefined ? {} : { stop }),
    async batches(step, state) {
      const groups = await units.training(state, parameterValues(state, method.parameters));
      const own = stepBatches(groups, rows).map(({ feeds, trainedTokens }, micro) => {
        const { graph: chosen, places } = graphFor(feeds.weights);
        return {
          feeds: { ...feedsFor(chosen, { ...feeds, ...places }), ...drawMasks(masks, { seed, step, micro }) },
          ...{ trainedTokens, graph: chosen },
        };
      });
      const others = companions.map((one) => one.step(step));
      onTokens(tokensOf(groups.flat()) + others.reduce((sum, { tokens }) => sum + tokens, 0));
      return [...own, ...others.flatMap(({ batches }) => batches)];
    },
  };
}
