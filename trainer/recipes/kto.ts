import type { SettingsOf } from "../../shared/api/methods.ts";
import { type Objective, REFERENCE } from "./objective.ts";
import { betaOf } from "./preferences/beta.ts";
import { meanOverUnits, unitMetric } from "./preferences/pair-unit.ts";
import { KTO_COLUMNS, mismatchedLines, withDivergence } from "./preferences/unpaired-unit.ts";

/**
 * Kahneman-Tversky optimisation: w_D (1 − σ(β(r − z))) for desirable completions and w_U (1 − σ(β(z − r))) for others, r the
 * log-ratio summed over the completion (Ethayarajh et al. 2024). z, the divergence from the reference, is estimated over the
 * step's mismatched pairs, is at least 0 and has no gradient; see `withDivergence`. The metrics of a label are 0 in a step that
 * has none of it.
 */
export const kto: Objective<SettingsOf<"kto">> = {
  reference: "base",
  learningRate: 0.05,
  form: () => ({ examples: 1, columns: KTO_COLUMNS }),
  lines: mismatchedLines,
  refresh: withDivergence,
  loss(context, settings) {
    const { b } = context;
    const { desirable_weight, undesirable_weight } = settings.hyperparameters;
    const sum = (x: Parameters<typeof context.sumOverExamples>[0]) => b.reduceSum(context.sumOverExamples(x), [1]);
    const logps = sum(context.logProbabilities());
    const ratio = sum(b.sub(context.logProbabilities(), context.column(REFERENCE)));
    const beta = betaOf("kto", settings);
    const reward = b.mul(ratio, beta);
    const desirable = context.column("desirable");
    const distance = b.sub(reward, b.mul(context.column("kl"), beta));
    // 1 − σ(x) is σ(−x): the sign turns with the label.
    const sign = b.sub(1, b.mul(desirable, 2));
    const weight = b.add(b.mul(desirable, desirable_weight - undesirable_weight), undesirable_weight);
    const share = (x: typeof reward, name: "chosen_share" | "rejected_share") =>
      ({ value: b.reduceSum(b.mul(x, context.column(name)), [0]), kind: "sum" }) as const;
    const rewards = { chosen: share(reward, "chosen_share"), rejected: share(reward, "rejected_share") };
    return {
      loss: meanOverUnits(context, b.mul(weight, b.sigmoid(b.mul(sign, distance)))),
      metrics: {
        "rewards/chosen": rewards.chosen,
        "rewards/rejected": rewards.rejected,
        "rewards/margins": { value: b.sub(rewards.chosen.value, rewards.rejected.value), kind: "sum" },
        "logps/chosen": share(logps, "chosen_share"),
        "logps/rejected": share(logps, "rejected_share"),
        kl: unitMetric(context, context.column("kl")),
      },
    };
  },
};
