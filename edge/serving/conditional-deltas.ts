import { type Condition, conditionHolds, conditionSpan } from "../../shared/delta/condition.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { RowDeltas } from "../runtime/serving-delta.ts";
import type { PromptReader, RowCondition } from "./generation.ts";
import type { ConditionalDelta, ResolvedDelta } from "./protocol.ts";

/**
 * The condition of rows with conditional deltas; undefined if there are none. Throws `invalid_request` for deltas that put
 * something before the text, which has been read when they take over, and as `withDeltas` does.
 *
 * @param withDeltas the rows' own deltas with these on top
 */
export function conditionOf(
  conditional: readonly ConditionalDelta[],
  withDeltas: (met: readonly ResolvedDelta[]) => RowDeltas,
): RowCondition | undefined {
  if (conditional.length === 0) return undefined;
  const [own, most] = [withDeltas([]), withDeltas(conditional.map(({ delta }) => delta))];
  if (most.prefixTokens !== own.prefixTokens || most.virtualTokens !== own.virtualTokens) {
    const message =
      "A vector with a condition puts virtual tokens or a prefix before the text, but the text has begun when it is applied. Leave `condition` out.";
    throw new TrimtabError("invalid_request", message, { param: `steering.${conditional[0]!.at}.condition` });
  }
  return {
    taps: [...new Set(conditional.map(({ condition }) => tapOf(condition)))],
    wholePrompt: conditional.some(({ condition }) => condition.position === "mean"),
    most,
    start: (length) => promptReader(conditional, length, withDeltas),
  };
}

const tapOf = ({ layer }: Condition): string => `layers.${layer}`;

/** Sums up each condition's span of the prompt in float64; the mean's direction is that of the sum. */
function promptReader(
  conditional: readonly ConditionalDelta[],
  length: number,
  withDeltas: (met: readonly ResolvedDelta[]) => RowDeltas,
): PromptReader {
  const read = conditional.map(({ at, delta, condition }) => ({
    at,
    delta,
    condition,
    ...conditionSpan(condition.position, length),
    sum: new Float64Array(condition.vector.length),
  }));
  const judged = () => read.map((one) => ({ ...one, ...conditionHolds(one.condition, one.sum) }));
  return {
    read(at, tap) {
      for (const { condition, from, to, sum } of read) {
        if (at < from || at >= to) continue;
        const activation = tap(tapOf(condition));
        for (let i = 0; i < sum.length; i++) sum[i]! += activation[i]!;
      }
    },
    deltas() {
      const met = judged().filter(({ holds }) => holds);
      return met.length === 0 ? undefined : withDeltas(met.map(({ delta }) => delta));
    },
    found: () => judged().map(({ at, score, holds }) => ({ at, score, applies: holds })),
  };
}
