import type { PromptLine } from "../../../shared/data/prompt-line.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import type { Unit } from "../../data/units.ts";
import type { Executor } from "../../engines/executor.ts";
import { parameterValues, type TrainingState } from "../../loop/training-state.ts";
import type { RewardSource, ScoredReward } from "../../rewards/reward-source.ts";
import type { PhaseRun, RunTools } from "../objective.ts";
import type { Metrics } from "../recipe.ts";
import type { Algorithm } from "./algorithm.ts";
import { flatness, flatReason, flatWords, requireRewards } from "./flat-rewards.ts";
import { klEstimate } from "./kl.ts";
import { adaptedCoefficient } from "./kl-controller.ts";
import { encodePhase, factsOf, PHASE_SECTION, type PhaseFacts, phaseSpec, phaseUnits } from "./phase-section.ts";
import { asUnits, type Reply, readReplies } from "./replies.ts";
import { phaseMetrics, replyMetrics } from "./reply-metrics.ts";
import { createReplySampler } from "./sampler.ts";
import { evalSamples, phaseShape, type ReinforcementSettings, replyTokens, reported } from "./settings.ts";
import { valuesOf } from "./value-head.ts";

export interface PhaseRunOptions<S extends ReinforcementSettings> {
  readonly algorithm: Algorithm<S>;
  readonly tools: RunTools<S>;
  readonly executor: Executor;
  readonly endTokens: ReadonlySet<number>;
  /** The dataset's line of a prompt. */
  readonly lineOf: (prompt: Unit) => PromptLine;
  readonly reward: RewardSource;
  readonly gold: RewardSource | undefined;
  /** The path of the type's settings in the request, and the field of the reward, for errors. */
  readonly path: string;
  readonly rewardField: string;
  /** Tells the job's owner of something that may be wrong. */
  readonly warn: (message: string) => void;
}

/**
 * The phases of a run of reinforcement. Before the first step of one, the current policy answers the phase's prompts; the replies are
 * scored under it and under the reference, rewarded, and kept in the state's section with their advantages.
 */
export function createPhaseRun<S extends ReinforcementSettings>(options: PhaseRunOptions<S>): PhaseRun {
  const { algorithm, tools, executor, endTokens, lineOf, reward, gold, path, rewardField, warn } = options;
  const { settings, method, tokenizer } = tools;
  const plan = tools.phases!;
  const {
    temperature,
    beta,
    kl_estimator,
    kl_in,
    kl_target,
    kl_horizon,
    missing_eos_penalty = 0,
    eval_interval,
  } = settings.hyperparameters;
  const { generations } = phaseShape(settings);
  const sampler = createReplySampler({
    ...{ tools, executor, temperature, endTokens },
    maxTokens: replyTokens(settings),
  });
  const policy = tools.tokenReader({
    name: "replies",
    of: "policy",
    outputs: (context) => ({
      log_probabilities: context.scores({ temperature }).logProbabilities,
      ...(algorithm.hasValues === true ? { values: valuesOf(context) } : {}),
    }),
  });
  const reference = tools.tokenReader({
    name: "replies_of_reference",
    of: "reference",
    outputs: (context) => ({ log_probabilities: context.scores({ temperature }).logProbabilities }),
  });

  async function answered(
    prompts: readonly Unit[],
    asked: { values: ReadonlyMap<string, Tensor>; generations: number; stream: readonly (number | string)[] },
  ): Promise<Reply[]> {
    const generated = await sampler.sample(prompts, asked);
    const units = asUnits(prompts, generated, asked.generations);
    const [ofPolicy, ofReference] = [await policy(units, asked.values), await reference(units, asked.values)];
    return readReplies({
      ...{ units, generated, tokenizer, ofPolicy, ofReference },
      lineOf: (r) => lineOf(prompts[Math.floor(r / asked.generations)]!),
    });
  }

  async function judged(source: RewardSource, replies: readonly Reply[], where: string, field: string) {
    const rewards = await source.score(replies.map(({ scored }) => scored));
    requireRewards(rewards, { where, param: `${path}.${field}` });
    return rewards;
  }

  async function nextPhase(state: TrainingState) {
    const before = factsOf(state);
    const phase = plan.phaseOf(state.step);
    const prompts = plan.prompts(phase).map((index) => tools.training[index]!);
    const values = parameterValues(state, method.parameters);
    const replies = await answered(prompts, { values, generations, stream: ["training", phase] });
    const rewards = await judged(reward, replies, `phase ${phase + 1}`, rewardField);
    const penalised = penalties(replies, rewards);
    const coefficient = before.nextBeta;
    const isInReward = kl_in === "reward";
    const given = {
      generations,
      rewards: penalised,
      penalties: replies.map(({ divergence }) =>
        divergence.map((d) => (isInReward ? -coefficient * klEstimate(d, kl_estimator) : 0)),
      ),
      values: replies.map((reply) => reply.values),
    };
    const { advantages, returns = [] } = algorithm.advantages(given, settings);
    const ofRewards =
      algorithm.hasValues === true || !isInReward
        ? advantages
        : algorithm.advantages({ ...given, penalties: given.penalties.map((of) => of.map(() => 0)) }, settings)
            .advantages;
    const metrics = phaseMetrics({ ...given, replies, scores: rewards, advantages, returns, coefficient, phase });
    const kl = metrics["objective/kl"]!;
    const facts: PhaseFacts = {
      ...{ phase, kl, metrics, beta: coefficient },
      nextBeta: adaptedCoefficient(
        coefficient,
        { kl, replies: replies.length },
        { target: kl_target, horizon: kl_horizon },
      ),
      ...flatness(before, { rewards: penalised, advantages: ofRewards }),
    };
    if (facts.flat > 0) warn(`Phase ${phase + 1}: ${flatWords(facts)}, so it has nothing to teach`);
    const section = encodePhase({
      ...{ facts, advantages, returns, rewards: penalised },
      texts: replies.map(({ ids, prompt }) => ({ ids, prompt })),
      old: replies.map((reply) => reply.old),
      reference: replies.map((reply) => reply.reference),
      values: replies.map((reply) => reply.values),
    });
    return { [PHASE_SECTION]: section };
  }

  function penalties(replies: readonly Reply[], rewards: readonly ScoredReward[]): number[] {
    return rewards.map(({ reward: earned }, r) => (replies[r]!.scored.ended ? earned : earned - missing_eos_penalty));
  }

  return {
    carried: {
      specs: { [PHASE_SECTION]: phaseSpec(beta) },
      beforeStep: (state) => (factsOf(state).phase === plan.phaseOf(state.step) ? {} : nextPhase(state)),
    },
    ...(eval_interval === "auto" ? {} : { measureEvery: eval_interval }),
    resolved: reported(settings),
    units: phaseUnits,
    metrics: (state) => factsOf(state).metrics,
    stop(state, totalSteps) {
      const facts = factsOf(state);
      const limit = settings.stop?.kl;
      if (limit !== undefined && facts.kl > limit) {
        return `the model is ${facts.kl.toFixed(2)} nats a reply from the reference, beyond the limit of ${limit}`;
      }
      const isLast = facts.phase === plan.phaseOf(totalSteps - 1);
      return flatReason(facts, { param: `${path}.${rewardField}`, isLast });
    },
    async measure(values): Promise<Metrics> {
      const samples = evalSamples(settings);
      const replies = await answered(tools.validation, { values, generations: samples, stream: ["validation"] });
      const rewards = await judged(reward, replies, "the validation file", rewardField);
      const held = gold && (await judged(gold, replies, "the validation file", "gold"));
      return {
        ...replyMetrics(replies, rewards, samples),
        reward_mean: mean(rewards),
        ...(held === undefined ? {} : { gold_mean: mean(held) }),
      };
    },
    dispose: () => sampler.dispose(),
  };
}

function mean(rewards: readonly ScoredReward[]): number {
  return rewards.reduce((sum, { reward }) => sum + reward, 0) / Math.max(1, rewards.length);
}
