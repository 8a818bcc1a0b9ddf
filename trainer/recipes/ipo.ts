import type { SettingsOf } from "../../shared/api/methods.ts";
import type { Objective } from "./objective.ts";
import { betaOf } from "./preferences/beta.ts";
import { pairObjective } from "./preferences/pair-objective.ts";
import {
  meanOverUnits,
  pairLogProbabilities,
  pairLogRatios,
  pairMetrics,
  perToken,
  scaled,
} from "./preferences/pair-unit.ts";

/**
 * Identity preference optimisation: (Δ − 1/(2β))², Δ the difference of the pair's log-ratios (Azar et al. 2023, equation 17, β
 * its τ). As in trl the log-ratios are averages over the completion's tokens, so that β means the same for every length;
 * `length_normalization: "sum"` takes the paper's sums. The rewards that are reported are those of DPO.
 */
export const ipo: Objective<SettingsOf<"ipo">> = pairObjective({
  reference: "base",
  learningRate: 0.05,
  loss(context, settings) {
    const { b } = context;
    const beta = betaOf("ipo", settings);
    const sums = pairLogRatios(context);
    const ratios = settings.hyperparameters.length_normalization === "sum" ? sums : perToken(context, sums);
    const distance = b.sub(b.sub(ratios.chosen, ratios.rejected), 1 / (2 * beta));
    return {
      loss: meanOverUnits(context, b.square(distance)),
      metrics: pairMetrics(context, {
        rewards: scaled(context, sums, beta),
        logps: pairLogProbabilities(context),
      }),
    };
  },
});
