import { z } from "zod";
import { TrimtabError } from "../errors.ts";

/**
 * When a steering vector is applied: where a prompt's activation points far enough along a vector, or not so far
 * (conditional activation steering; Lee et al., "Programming Refusal with Conditional Activation Steering", 2024).
 * The paper compares a prompt with the tanh of its projection, which loses the sign; here the score is the plain
 * cosine, so that `above` and `below` tell the two sides apart.
 */
export const Condition = z.strictObject({
  /** The residual stream after this layer, counted from 0: the tap `layers.N`. */
  layer: z.int().min(0),
  /** Which of the prompt's tokens are read; see `conditionSpan`. */
  position: z.enum(["last", "mean"]),
  /** [D]; only its direction counts. */
  vector: z.array(z.number()).min(1).max(65_536),
  /** A cosine. */
  threshold: z.number().min(-1).max(1),
  /** On which side of the threshold the vector is applied; neither side includes the threshold itself. */
  comparator: z.enum(["above", "below"]),
});
export type Condition = z.infer<typeof Condition>;

export interface ConditionResult {
  readonly holds: boolean;
  /** The cosine between the activation and the condition's vector. */
  readonly score: number;
}

/**
 * Whether a prompt meets a condition, given its activation [D] at the condition's layer and position. Throws
 * `invalid_request` for an activation of another width, and `non_finite` for one with NaN or infinite numbers.
 */
export function conditionHolds(condition: Condition, activation: ArrayLike<number>): ConditionResult {
  const { vector, threshold, comparator } = condition;
  if (activation.length !== vector.length) {
    throw new TrimtabError(
      "invalid_request",
      `the condition's vector has ${vector.length} numbers, but the activation has ${activation.length}: they belong to different models`,
    );
  }
  const score = cosine(activation, vector);
  return { holds: comparator === "above" ? score > threshold : score < threshold, score };
}

/**
 * The tokens [from, to) of a text whose mean activation a position stands for. `mean` leaves out the first token where
 * there are others: most models park attention there, and its activation outweighs all the rest.
 */
export function conditionSpan(
  position: Condition["position"],
  length: number,
): { readonly from: number; readonly to: number } {
  return { from: position === "last" ? length - 1 : Math.min(1, length - 1), to: length };
}

/** The cosine of the angle between two vectors, 0 where one is zero. Throws `non_finite`. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let product = 0;
  let ofA = 0;
  let ofB = 0;
  for (let at = 0; at < a.length; at++) {
    product += a[at]! * b[at]!;
    ofA += a[at]! * a[at]!;
    ofB += b[at]! * b[at]!;
  }
  const length = Math.sqrt(ofA) * Math.sqrt(ofB);
  if (!Number.isFinite(product) || !Number.isFinite(length)) {
    throw new TrimtabError(
      "non_finite",
      "the activation has numbers that are not finite, so no condition can be checked",
    );
  }
  return length === 0 ? 0 : Math.max(-1, Math.min(1, product / length));
}

/** Throws `invalid_delta` for a condition that does not fit the model. */
export function checkCondition(
  { layer, vector }: Condition,
  model: { readonly layers: number; readonly hiddenSize: number },
): void {
  const refuse = (problem: string) => new TrimtabError("invalid_delta", `the steering condition ${problem}`);
  if (layer >= model.layers)
    throw refuse(`reads layer ${layer}, but the model has the layers 0 to ${model.layers - 1}`);
  if (vector.length !== model.hiddenSize) {
    throw refuse(`has a vector of ${vector.length} numbers, but the model's stream has ${model.hiddenSize}`);
  }
  if (vector.every((number) => number === 0)) throw refuse("has a vector of zeros, which has no direction");
}
