import { parameterValues, type TrainingState } from "../loop/training-state.ts";
import type { Evaluator } from "./evaluator.ts";
import { measureBeginnings, realised } from "./mixed-files.ts";
import type { PreparedRun } from "./prepare-run.ts";
import type { Metrics, RecipeContext } from "./recipe.ts";
import type { UnitSource } from "./unit-source.ts";

interface MixtureEnd {
  readonly run: PreparedRun;
  readonly context: RecipeContext;
  readonly units: UnitSource;
  readonly evaluator: Evaluator | undefined;
  /** What the run publishes, which is not its end where it publishes its best step. */
  readonly published: TrainingState;
}

/** Says what a run has trained on of each of several files, and how well it does on them. */
export async function mixtureResult(
  end: TrainingState,
  { run: { mixture, method, plan }, context, units, evaluator, published }: MixtureEnd,
): Promise<Metrics> {
  if (mixture === undefined) return {};
  const { event, metrics } = realised(mixture, plan, end.step);
  context.event(event);
  if (evaluator === undefined || units.fixedTraining === undefined) return metrics;
  const values = parameterValues(published, method.parameters);
  const measured = await measureBeginnings(evaluator, values, { units: units.fixedTraining, files: mixture.files });
  return {
    ...metrics,
    ...Object.fromEntries(Object.entries(measured).map(([name, value]) => [`train_${name}`, value])),
  };
}
