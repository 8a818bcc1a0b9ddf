/**
 * How much of its training file a run learns by heart, at the end of each epoch: the loss on a fixed sample of training examples
 * beside that on as many of the validation file, and the share of each whose trained tokens greedy decoding would write, all of them
 * or the first few. Greedy decoding writes them exactly where each is the likeliest behind those before it, so one forward pass tells.
 */
import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import { createRandom } from "../../../shared/random.ts";
import type { Unit } from "../../data/units.ts";
import { parameterValues } from "../../loop/training-state.ts";
import type { RunTools } from "../objective.ts";
import type { PreparedRun } from "../prepare-run.ts";
import type { Metrics } from "../recipe.ts";
import type { Gauge } from "./gauge.ts";

/** The first tokens of a completion that `prefix_copies` looks at. */
export const PREFIX_TOKENS = 8;
/** Examples of each file: a share of the training file's, so that it costs a twentieth of an epoch, within bounds. */
const SAMPLE = { least: 8, most: 64, share: 0.075 } as const;

export interface MemorisationOptions {
  readonly run: Pick<PreparedRun, "training" | "validation" | "method" | "plan" | "hyperparameters">;
  readonly tools: Pick<RunTools, "tokenReader" | "seed">;
}

/** undefined for a run of one epoch, which sees nothing twice. */
export function createMemorisation({ run, tools }: MemorisationOptions): Gauge | undefined {
  const { training, validation = [], method, plan, hyperparameters } = run;
  if (hyperparameters.epochs < 2) return undefined;
  const count = Math.min(SAMPLE.most, Math.max(SAMPLE.least, Math.round(SAMPLE.share * training.length)));
  const seen = sampled(training, count, tools.seed);
  const unseen = sampled(validation, count, tools.seed);
  const read = tools.tokenReader({
    name: "memorisation",
    of: "policy",
    outputs: (found) => {
      const { logProbabilities, hits } = found.scores({ hits: true });
      return { log_probabilities: logProbabilities, hits: hits! };
    },
  });
  const { totalSteps } = hyperparameters.schedule;
  return {
    at: (step) => step % plan.stepsPerEpoch === 0 || step === totalSteps,
    async measure(state) {
      const { log_probabilities: logs, hits } = await read(
        [...seen, ...unseen],
        parameterValues(state, method.parameters),
      );
      const summed = (units: readonly Unit[], from: number) =>
        summary(units, { logs: logs!.slice(from), hits: hits!.slice(from) });
      const metrics = Object.entries(summed(seen, 0)).map(([name, value]) => [`memorisation/${name}`, value]);
      const others = unseen.length === 0 ? {} : summed(unseen, seen.length);
      const beside = Object.entries(others).map(([name, value]) => [`memorisation/valid_${name}`, value]);
      return Object.fromEntries([...metrics, ...beside]);
    },
  };
}

function sampled(units: readonly Unit[], count: number, seed: number): Unit[] {
  const order = createRandom(seed, "memorisation").permutation(units.length);
  return Array.from(order.subarray(0, count), (index) => units[index]!);
}

type Readings = readonly (readonly Float32Array[])[];

function summary(
  units: readonly Unit[],
  { logs, hits }: { readonly logs: Readings; readonly hits: Readings },
): Metrics {
  let [loss, tokens, exact, prefix, examples] = [0, 0, 0, 0, 0];
  for (const [u, unit] of units.entries()) {
    for (const [k, { labels }] of unit.examples.entries()) {
      const at = [...labels.keys()].filter((index) => index > 0 && labels[index] !== IGNORED_LABEL);
      if (at.length === 0) continue;
      const written = at.findIndex((index) => hits[u]![k]![index] !== 1);
      const right = written < 0 ? at.length : written;
      examples += 1;
      exact += right === at.length ? 1 : 0;
      prefix += right >= Math.min(PREFIX_TOKENS, at.length) ? 1 : 0;
      tokens += at.length;
      for (const index of at) loss -= logs[u]![k]![index]!;
    }
  }
  return examples === 0
    ? {}
    : { loss: loss / tokens, exact_copies: exact / examples, prefix_copies: prefix / examples };
}
