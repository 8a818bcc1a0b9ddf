import { z } from "zod";
import { hyperparametersSchema, Peft } from "../../../../shared/api/methods.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { parseJsonl } from "../../../../shared/formats/jsonl.ts";
import type { Value } from "../../../../shared/graph/graph.ts";
import type { GraphMetric } from "../../../../trainer/loop/metrics.ts";
import { logSigmoid } from "../../../../trainer/losses/log-sigmoid.ts";
import { type Objective, REFERENCE } from "../../../../trainer/recipes/objective.ts";

/** What an outsider's row of `JOB_TYPES` would hold. */
export const DpoSettings = z.strictObject({
  hyperparameters: hyperparametersSchema("DpoHyperparameters", { beta: z.number().positive().default(0.1) }),
  peft: Peft,
});
export type DpoSettings = z.infer<typeof DpoSettings>;

const Pair = z.strictObject({ prompt: z.string(), chosen: z.string().min(1), rejected: z.string().min(1) });

/**
 * −log σ(β[(π_c − ref_c) − (π_r − ref_r)]), log-probabilities summed over the completion, meaned over the step's pairs
 * (Rafailov et al. 2023).
 */
export const dpo: Objective<DpoSettings> = {
  reference: "base",
  learningRate: 0.05,
  form: () => ({ examples: 2 }),
  *lines({ bytes, name }) {
    for (const { number: line, value } of parseJsonl(bytes, { name })) {
      const pair = Pair.safeParse(value);
      if (!pair.success) {
        throw new TrimtabError("invalid_file", `line ${line} of ${name}: ${pair.error.issues[0]!.message}`);
      }
      const { prompt, chosen, rejected } = pair.data;
      const example = (completion: string) => ({ kind: "completion", prompt, completion }) as const;
      yield { line, examples: [example(chosen), example(rejected)] };
    }
  },
  loss(context, { hyperparameters: { beta } }) {
    const { b } = context;
    const ratios = context.sumOverExamples(b.sub(context.logProbabilities(), context.column(REFERENCE)));
    const reward = (k: number) => b.mul(b.reduceSum(b.slice(ratios, 1, k, k + 1), [1]), beta);
    const [chosen, rejected] = [reward(0), reward(1)];
    const margin = b.sub(chosen, rejected);
    const mean = (x: Value) => b.div(b.reduceSum(b.mul(x, context.presentUnits()), [0]), context.totalUnits());
    const metric = (x: Value): GraphMetric => ({ value: mean(x), kind: "sum" });
    return {
      loss: mean(b.neg(logSigmoid(b, margin))),
      metrics: {
        "rewards/chosen": metric(chosen),
        "rewards/rejected": metric(rejected),
        "rewards/margin": metric(margin),
        "rewards/accuracy": metric(b.cast(b.greater(margin, 0), "f32")),
      },
    };
  },
};
