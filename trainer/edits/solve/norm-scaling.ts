/**
 * Norm-Anchor Scaling of the values that edits ask for (Liu et al., "Norm Anchors Make Model Edits Last", arXiv 2602.02543).
 * In a sequence of edits, longer values make larger weights and larger weights longer values; scaling every value to a length
 * of the unedited model's breaks that loop.
 *
 * As in SasyaTitech/NAS, with two differences: a fact is skipped above one limit for every method, where the repository has 5
 * for ROME and 2 for the others; and the anchor is taken over facts of the caller, not over CounterFact.
 */

/** The largest share of lengths that the anchor leaves out. */
const DROPPED = 1 / 20;

/** A value is skipped when it is longer than this many times the anchor. */
export const SKIP_ABOVE = 2;

export interface ScaledDelta {
  /** δ' [out] with ‖v + δ'‖ = anchor, or zeros if the fact is skipped. */
  readonly delta: Float64Array;
  /** ‖v + δ‖, before scaling. */
  readonly norm: number;
  /** What v + δ was multiplied by: anchor / norm, 0 if the fact is skipped. */
  readonly scale: number;
  readonly skipped: boolean;
}

/**
 * Scales the value v* = v + δ that an edit asks for to the anchor's length.
 *
 * @param value v [out]: the output of the edited layer's MLP at the subject's last token, also for methods whose δ is found at
 *   the layer's output, which then becomes h + δ'
 * @param delta δ [out]
 * @param anchor from `valueAnchor`; above 0
 * @param skipAbove in anchors
 */
export function scaleValue(given: {
  readonly value: Float64Array;
  readonly delta: Float64Array;
  readonly anchor: number;
  readonly skipAbove?: number;
}): ScaledDelta {
  const { value, delta, anchor, skipAbove = SKIP_ABOVE } = given;
  const wanted = value.map((element, index) => element + delta[index]!);
  const norm = Math.hypot(...wanted);
  if (norm > skipAbove * anchor) return { delta: new Float64Array(delta.length), norm, scale: 0, skipped: true };
  const scale = anchor / (norm || 1);
  return { delta: wanted.map((element, index) => scale * element - value[index]!), norm, scale, skipped: false };
}

/**
 * The anchor: the mean length of v* over facts on the unedited model, each found by the bare prompt alone, without the largest
 * twentieth.
 *
 * @param norms at least one
 */
export function valueAnchor(norms: readonly number[]): number {
  const sorted = [...norms].sort((left, right) => left - right);
  const kept = sorted.slice(0, sorted.length - Math.floor(DROPPED * sorted.length));
  return kept.reduce((sum, norm) => sum + norm, 0) / kept.length;
}
