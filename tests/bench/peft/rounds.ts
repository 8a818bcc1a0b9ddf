import type { ModelConfig } from "../../../shared/model/config.ts";
import { planMethods } from "../../../shared/peft/combine.ts";
import { estimateCost } from "../../../shared/peft/cost.ts";
import { totalElements } from "../../../shared/tensor.ts";
import { median } from "../median.ts";
import type { Contender } from "./contenders.ts";
import type { PeftBenchRow, Spread } from "./result.ts";
import type { Finished, Round, TimedStep } from "./trainee.ts";

const ROUNDS = 9;

/** The number of steps in each round: up to nine rounds of nearly equal length. */
export function roundLengths(steps: number): number[] {
  const rounds = Math.min(ROUNDS, steps);
  const bound = (round: number) => Math.floor((round * steps) / rounds);
  return Array.from({ length: rounds }, (_, round) => bound(round + 1) - bound(round));
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/**
 * Milliseconds per token of a step, in elapsed time and in processor time over `threads`. Leaves out the first round, which still
 * allocates memory, unless it is the only one.
 */
export function msPerToken(rounds: readonly Round[], threads: number): { processor: Spread; wall: Spread } {
  const timed = rounds.length > 1 ? rounds.slice(1) : rounds;
  const perToken = (of: "milliseconds" | "processor") =>
    timed.map(({ steps }) => {
      const sum = (key: keyof TimedStep) => steps.reduce((total, step) => total + step[key], 0);
      return sum(of) / sum("tokens");
    });
  return {
    processor: spreadOf(perToken("processor").map((milliseconds) => milliseconds / threads)),
    wall: spreadOf(perToken("milliseconds")),
  };
}

export interface RowFacts {
  readonly config: ModelConfig;
  readonly contender: Contender;
  readonly rounds: readonly Round[];
  readonly finished: Finished;
  readonly baseTextLoss: number;
  readonly threads: number;
}

/** The result of one contender's run. */
export function rowOf({ config, contender, rounds, finished, baseTextLoss, threads }: RowFacts): PeftBenchRow {
  const { name, peft } = contender;
  const { shape } = finished;
  const plan = planMethods({ config, settings: peft, param: "peft" });
  const steps = rounds.flatMap((round) => round.steps);
  const total = (of: "tokens" | "microBatches") => steps.reduce((sum, step) => sum + step[of], 0);
  const time = msPerToken(rounds, threads);
  const cost = estimateCost(config, plan, { ...shape, text: total("tokens") / total("microBatches") });
  return {
    name,
    peft,
    learning_rate: finished.learningRate,
    trainable_parameters: totalElements(plan.parameters),
    delta_bytes: finished.publishedBytes,
    held_out_loss: finished.heldOutLoss,
    right_answers: finished.rightAnswers,
    base_text_loss: finished.baseTextLoss,
    forgetting: finished.baseTextLoss - baseTextLoss,
    sample: finished.sample,
    peak_bytes: Math.max(...rounds.map(({ peakBytes }) => peakBytes)),
    ms_per_token: time.processor,
    wall_ms_per_token: time.wall,
    rows: shape.rows,
    row_tokens: shape.tokens,
    estimated: { peak_bytes: cost.trainingPeakBytes, ms_per_token: cost.trainingMsPerToken },
  };
}
