import type { SettingsOf } from "../../shared/api/methods.ts";
import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Value } from "../../shared/graph/graph.ts";
import { logSigmoid } from "../losses/log-sigmoid.ts";
import type { Objective } from "./objective.ts";
import { betaOf } from "./preferences/beta.ts";
import { pairObjective } from "./preferences/pair-objective.ts";
import {
  meanOverUnits,
  pairLogProbabilities,
  pairMetrics,
  perToken,
  scaled,
  unitMetric,
} from "./preferences/pair-unit.ts";

/** The log-probability closest to 0 that odds are taken of: at 0 they are infinite. */
const SUREST = -1e-6;

/**
 * log(p / (1 − p)) of log p ≤ 0. 1 − p is 2t / (1 + t) with t = tanh(−log p / 2), which keeps its digits where p is nearly 1;
 * taken directly, 1 − p would lose them.
 */
function logOdds(b: GraphBuilder, logP: Value): Value {
  const bounded = b.min(logP, SUREST);
  const t = b.tanh(b.mul(bounded, -0.5));
  return b.add(b.sub(bounded, b.log(b.mul(t, 2))), b.log(b.add(t, 1)));
}

/**
 * Odds ratio preference optimisation, without a reference: −log p_c − β log σ(log odds_c − log odds_r), log p the mean over the
 * completion's tokens (Hong et al. 2024, β its λ). As in the paper, the likelihood is the completion's alone and meaned over
 * pairs; trl takes the prompt's tokens with it and means over the tokens of a batch.
 */
export const orpo: Objective<SettingsOf<"orpo">> = pairObjective({
  learningRate: 0.4,
  loss(context, settings) {
    const { b } = context;
    const beta = betaOf("orpo", settings);
    const logps = perToken(context, pairLogProbabilities(context));
    const difference = b.sub(logOdds(b, logps.chosen), logOdds(b, logps.rejected));
    const ratio = logSigmoid(b, difference);
    const likelihood = b.neg(logps.chosen);
    return {
      loss: meanOverUnits(context, b.sub(likelihood, b.mul(ratio, beta))),
      metrics: {
        ...pairMetrics(context, { rewards: scaled(context, logps, beta), logps }),
        nll_loss: unitMetric(context, likelihood),
        log_odds_ratio: unitMetric(context, ratio),
        log_odds_chosen: unitMetric(context, difference),
      },
    };
  },
});
