import { z } from "zod";
import { Label } from "../../delta/scorer.ts";
import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logSumExp } from "../logits.ts";
import type { Perturbation, ProcessedRow, RowState } from "../processor.ts";
import { type CompanionRow, type PlanContext, steeringPart } from "./part.ts";
import { modelId } from "./side.ts";
import { StateSum } from "./state-sum.ts";

const schema = z
  .strictObject({
    id: modelId.meta({ description: "A classifier, or a reward model" }),
    label: Label.meta({ description: "The class to move towards" }),
    iterations: z.int().min(1).max(LIMITS.gradientIterations).default(3).meta({ description: "Steps for each token" }),
    step_size: z
      .number()
      .min(0)
      .max(LIMITS.gradientStep)
      .default(0.02)
      .meta({ description: "The length of a step; 0 changes nothing" }),
    gamma: z
      .number()
      .min(0)
      .max(2)
      .default(1)
      .meta({ description: "A layer's step is step_size · g / ‖g‖^gamma, for its gradient g" }),
    kl_scale: z
      .number()
      .min(0)
      .max(LIMITS.gradientDivergence)
      .default(0.01)
      .meta({ description: "How much the divergence from the model's own distribution counts in the loss" }),
    gm_scale: z
      .number()
      .min(0)
      .max(1)
      .default(0.9)
      .meta({ description: "The share of the steered distribution in the geometric mean with the model's own" }),
    window: z
      .int()
      .min(1)
      .max(LIMITS.maxTokens)
      .optional()
      .meta({ description: "How many of the latest positions may change; left out: all" }),
    pool: z.enum(["last", "mean"]).default("last").meta({
      description: "What is judged: the state after the token to come, or its mean with those after the text's tokens",
    }),
  })
  .meta({ description: "Moves what the model remembers of the text up a classifier's gradient (PPLM)" });
type Asked = z.infer<typeof schema>;

interface Settings {
  readonly perturbation: Perturbation;
  readonly gmScale: number;
  readonly pool: Asked["pool"];
}

const JUDGE = "gradient";

/**
 * PPLM, Dathathri et al. 2020: what the model remembers of the text, its keys and values, is moved up the gradient of a class's
 * log-probability before each token; the token then comes from p̃^gm · p^(1 − gm), p̃ being what the moved memory gives. What
 * was moved stays moved, as in the authors' code.
 *
 * It differs from their code in that
 * - the classifier judges in a row of its own, as its other ways do, since its head knows no states but its own model's; it is
 *   calibrated, judges the text without the prompt, and by default its last state, which is what it was trained on;
 * - the window holds the latest positions, as in the paper, where the code takes the earliest;
 * - gamma is 1, as in the authors' examples with classifiers; 1.5, their code's default, is for bags of words;
 * - no step is longer than the layer's keys and values are: with gamma > 1, a vanishing gradient would make an endless one;
 * - p is the distribution that the parts before it left, and temperature comes after it.
 */
export const gradient = steeringPart<Asked, Settings>({
  schema,
  isNeutral: ({ step_size: stepSize, gm_scale: gmScale }) => stepSize === 0 || gmScale === 0,
  references: ({ id }) => [{ at: "gradient.id", id, weight: 1, kind: "classifier" }],
  plan(asked, context) {
    const { label, temperature } = judgeOf(asked, context);
    const scorer = context.scorer("gradient.id");
    const { iterations, step_size: stepSize, gamma, kl_scale: klScale, gm_scale: gmScale, window, pool } = asked;
    const lead = scorer.about.lead;
    const judge: CompanionRow = {
      role: JUDGE,
      model: { at: "gradient.id" },
      prompt: lead.length === 0 ? { kind: "own" } : { kind: "tokens", ids: lead },
      final: true,
    };
    const perturbation = { judge: JUDGE, scorer, label, temperature, iterations, stepSize, gamma, klScale, window };
    return { settings: { perturbation, gmScale, pool }, companions: [judge], perturbedBy: JUDGE };
  },
  processor: {
    isNeutral: ({ perturbation: { stepSize }, gmScale }) => stepSize === 0 || gmScale === 0,
    create() {
      const sums = new Map<RowState, StateSum>();
      return {
        update({ removed }) {
          for (const row of removed) sums.delete(row);
        },
        apply(rows) {
          for (const row of rows) {
            const sum = sums.get(row.row) ?? new StateSum();
            if (row.settings.pool === "mean") sums.set(row.row, sum);
            fuse(row, sum);
          }
        },
      };
    },
  },
});

function fuse(
  { row, settings, scores, logits, final, perturb, wait, note }: ProcessedRow<Settings>,
  sum: StateSum,
): void {
  const { perturbation, gmScale, pool } = settings;
  if (pool === "mean") sum.follow(row.generated.length, () => final(JUDGE));
  const perturbed = perturb(pool === "mean" ? { ...perturbation, before: sum } : perturbation);
  if (perturbed === undefined) {
    // Each turn of the batch takes one step, so that the other rows go on.
    wait(Promise.resolve());
    return;
  }
  const own = logits();
  const normaliser = logSumExp(perturbed.logits) - logSumExp(own);
  for (let token = 0; token < scores.length; token++) {
    scores[token]! += gmScale * (perturbed.logits[token]! - own[token]! - normaliser);
  }
  note?.({ gradient: { losses: perturbed.losses } });
}

/** Throws `invalid_request` for a class that the scorer does not have, and for one that does not judge unfinished texts. */
function judgeOf({ label }: Asked, context: PlanContext): { readonly label: number; readonly temperature: number } {
  const { labels, temperatures } = context.scorer("gradient.id").about;
  const at = labels.indexOf(label);
  if (at === -1) {
    const known = labels.map((each) => JSON.stringify(each)).join(", ");
    const message = `The classifier has no class ${JSON.stringify(label)}; it has ${known}.`;
    throw new TrimtabError("invalid_request", message, { param: "gradient.label" });
  }
  if (temperatures.lookahead === undefined) {
    const message =
      "The classifier was not trained for the mode lookahead, in which `gradient` asks it: train it for this one.";
    throw new TrimtabError("invalid_request", message, { param: "gradient.id" });
  }
  return { label: at, temperature: temperatures.lookahead };
}
