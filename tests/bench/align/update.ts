import { JOB_TYPES } from "../../../shared/api/methods.ts";
import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import { loadModelFolder, type ModelFiles } from "../../../shared/model/model-folder.ts";
import { attachMethods } from "../../../shared/peft/combine.ts";
import { ChosenSettings } from "../../../shared/peft/presets.ts";
import { createRandom } from "../../../shared/random.ts";
import { chooseBatchShape } from "../../../trainer/data/batch-shape.ts";
import { type RowOptions, stepBatches } from "../../../trainer/data/batches.ts";
import type { Unit } from "../../../trainer/data/units.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { createProgramCache } from "../../../trainer/loop/program-cache.ts";
import { train } from "../../../trainer/loop/train.ts";
import { initialState } from "../../../trainer/loop/training-state.ts";
import { ADAMW_DEFAULTS } from "../../../trainer/optim/adamw.ts";
import { feedsFor, frozenTensors, trainingGraphWithMetrics } from "../../../trainer/recipes/causal-graphs.ts";
import { ppo } from "../../../trainer/recipes/ppo.ts";
import { PHASE_COLUMNS, VALUE_COLUMNS } from "../../../trainer/recipes/reinforcement/loss.ts";
import { valueHead } from "../../../trainer/recipes/reinforcement/value-head.ts";
import type { Taken } from "../peer.ts";
import { WARM_STEPS } from "./dpo.ts";

export interface Rollout {
  readonly prompt: readonly number[];
  readonly reply: readonly number[];
  /** Of each reply token. */
  readonly old: readonly number[];
  readonly advantages: readonly number[];
  readonly returns: readonly number[];
}

export interface UpdateOptions {
  readonly files: ModelFiles;
  readonly executor: Executor;
  readonly rollouts: readonly Rollout[];
  /** Replies of a step. */
  readonly batch: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly lora: { readonly r: number; readonly lora_alpha: number };
}

/** Replies with advantages and returns as a phase might have them; values are 0, as a new head gives. */
export function rolloutsOf(
  replies: readonly {
    readonly prompt: readonly number[];
    readonly tokens: readonly number[];
    readonly logprobs: readonly number[];
  }[],
): Rollout[] {
  const random = createRandom(1, "advantages");
  return replies.map(({ prompt, tokens, logprobs }) => ({
    ...{ prompt, reply: tokens, old: logprobs },
    advantages: tokens.map(() => random.normal()),
    returns: tokens.map(() => random.normal()),
  }));
}

/** The optimizer steps of PPO on given rollouts: the graph, the layout and the loop of a job. */
export async function openUpdate({ files, executor, rollouts, batch, steps, learningRate, lora }: UpdateOptions) {
  const { config, weights, tokenizer } = loadModelFolder(files);
  const adapter = attachMethods({
    ...{ config, weights, seed: 1, param: "peft" },
    settings: ChosenSettings.parse({ type: "lora", ...lora, target_modules: "all-linear" }),
    encode: (text) => tokenizer.encode(text),
  });
  const head = valueHead(config);
  const method = {
    ...adapter,
    parameters: [...adapter.parameters, ...head.parameters],
    initial: new Map([...adapter.initial, ...head.initial]),
  };
  const units = rollouts.map(unitOf);
  const groupOf = (step: number) => Array.from({ length: batch }, (_, i) => units[(step * batch + i) % units.length]!);
  const sizes = units.map(({ examples }) => ({ lengths: [examples[0]!.ids.length], shared: 0 }));
  const limit = Math.max(...sizes.map(({ lengths }) => lengths[0]!));
  const shape = chooseBatchShape({ config, groups: [sizes.slice(0, batch)], units: sizes, limit, packing: false });
  const form = { examples: 1, columns: { ...PHASE_COLUMNS, ...VALUE_COLUMNS } };
  const rows: RowOptions = { shape, packing: false, padId: tokenizer.padId, units: { form, capacity: batch } };
  const settings = JOB_TYPES.ppo.settings.parse({ reward: { type: "reward_model", model: "not-asked" } });
  const { graph, metrics } = trainingGraphWithMetrics({
    ...{ config, method, shape, units: rows.units },
    loss: (context) => ppo.loss(context, settings),
  });
  const cache = createProgramCache(executor);
  const plan = {
    ...{ gradients: graph, metrics, frozen: frozenTensors(weights, method), parameters: method.parameters },
    optimizer: { ...ADAMW_DEFAULTS, maxGradNorm: 1 },
    schedule: { kind: "constant" as const, peak: learningRate, warmupSteps: 0, totalSteps: WARM_STEPS + steps },
    batches: (step: number) =>
      stepBatches([groupOf(step)], rows).map(({ feeds, trainedTokens }) => {
        return { feeds: feedsFor(graph, feeds), trainedTokens };
      }),
  };
  const measured = Array.from({ length: steps }, (_, step) => groupOf(WARM_STEPS + step)).flat();
  return {
    /** Prompts and replies of the measured steps, without padding. */
    tokens: measured.reduce((sum, { examples }) => sum + examples[0]!.ids.length, 0),
    async take(): Promise<Taken> {
      let [start, cpu] = [0, process.cpuUsage()];
      let taken: Taken | undefined;
      await train(cache, plan, initialState(method.parameters, method.initial), {
        onStep: ({ step }) => {
          if (step === WARM_STEPS) [start, cpu] = [performance.now(), process.cpuUsage()];
          if (step !== WARM_STEPS + steps) return;
          const { user, system } = process.cpuUsage(cpu);
          taken = { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
        },
      });
      return taken!;
    },
    dispose: () => cache.dispose(),
  };
}

function unitOf({ prompt, reply, old, advantages, returns }: Rollout): Unit {
  const ids = Int32Array.of(...prompt, ...reply);
  const column = (numbers: readonly number[]) => {
    const all = new Float32Array(ids.length);
    all.set(numbers, prompt.length);
    return all;
  };
  const zeros = reply.map(() => 0);
  const columns = {
    ...{ advantage: column(advantages), old: column(old), reference: column(old), beta: column(zeros) },
    ...{ value: column(zeros), return: column(returns) },
  };
  return { examples: [{ ids, labels: ids.map((id, at) => (at < prompt.length ? IGNORED_LABEL : id)), columns }] };
}
