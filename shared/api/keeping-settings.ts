/** Hyperparameters of how long a run trains and of what the model keeps, in every type that trains with the loop. */
import { z } from "zod";

/** The value of `rehearsal_file` for the texts that the base itself was trained on. */
export const BASE_TEXTS = "base";
/** The share of a step that rehearsal has where the job does not say. */
export const REHEARSAL_RATIO = 0.25;
/** The share of the steps in which a `wsd` schedule decays where the job does not say. */
export const DECAY_RATIO = 0.2;

export const SCHEDULES = ["cosine", "linear", "constant", "wsd"] as const;
export const DECAY_SHAPES = ["linear", "cosine", "1-sqrt"] as const;

export const keepingHyperparameters = {
  lr_schedule: z.enum(SCHEDULES).optional().meta({
    description: "`wsd`: the rate warms up, stays, and decays to 0 over the last steps",
  }),
  lr_decay_ratio: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .meta({ description: `Of wsd: the share of the steps in which the rate falls; ${DECAY_RATIO} by default` }),
  lr_decay_shape: z
    .enum(DECAY_SHAPES)
    .optional()
    .meta({ description: "Of wsd: how the rate falls; linear by default" }),
  eval_steps: z.int().min(1).max(1_000_000).optional().meta({
    description:
      "Steps between two measurements of the validation file; by default a tenth of the run, and the ends of epochs",
  }),
  early_stopping_patience: z.int().min(1).max(1_000).optional().meta({
    description:
      "Ends the run after so many measurements of the validation file in a row without a lower loss, and publishes the best step",
  }),
  early_stopping_min_delta: z
    .number()
    .min(0)
    .max(100)
    .optional()
    .meta({ description: "How much lower a loss must be to count for early_stopping_patience; 0 by default" }),
  load_best_model_at_end: z
    .boolean()
    .optional()
    .meta({ description: "Publishes the measured step with the lowest validation loss; true with early stopping" }),
  rehearsal_file: z.string().min(1).max(64).optional().meta({
    description:
      "Old data to mix into every step: a file of texts or other training lines, or `base` for the texts that the base was trained on",
  }),
  rehearsal_ratio: z
    .number()
    .gt(0)
    .max(0.9)
    .optional()
    .meta({
      description: `The share of each step's examples and of its loss that is rehearsal; ${REHEARSAL_RATIO} by default`,
    }),
  ewc_lambda: z.number().gt(0).max(1e9).optional().meta({
    description:
      "Elastic weight consolidation: adds λ/2 · Σ F (W − W₀)², F the diagonal Fisher information of the base on its own texts",
  }),
};

export type KeepingHyperparameters = z.infer<z.ZodObject<typeof keepingHyperparameters, z.core.$strict>>;

interface Problem {
  readonly field: string;
  readonly message: string;
}

/** What is wrong with settings that only make sense together. */
export function keepingProblems(
  given: KeepingHyperparameters & { readonly warmup_ratio?: number | undefined },
): Problem[] {
  const { lr_schedule: kind, lr_decay_ratio: decay, lr_decay_shape: shape, warmup_ratio: warmup = 0.1 } = given;
  const needs = (field: keyof KeepingHyperparameters, other: keyof KeepingHyperparameters): Problem[] =>
    given[field] === undefined || given[other] !== undefined
      ? []
      : [{ field, message: `needs ${other}; send it too, or leave both out` }];
  const problems = [
    ...needs("early_stopping_min_delta", "early_stopping_patience"),
    ...needs("rehearsal_ratio", "rehearsal_file"),
  ];
  if (kind !== "wsd") {
    const message = "is for the lr_schedule wsd alone";
    if (decay !== undefined) problems.push({ field: "lr_decay_ratio", message });
    if (shape !== undefined) problems.push({ field: "lr_decay_shape", message });
  } else if (warmup + (decay ?? DECAY_RATIO) > 1) {
    const message = `is ${decay ?? DECAY_RATIO}, which with the warmup_ratio ${warmup} is more than the whole run; lower one of them`;
    problems.push({ field: "lr_decay_ratio", message });
  }
  if (given.early_stopping_patience !== undefined && given.load_best_model_at_end === false) {
    const message = "must not be false with early_stopping_patience, which publishes the best step; leave it out";
    problems.push({ field: "load_best_model_at_end", message });
  }
  return problems;
}
