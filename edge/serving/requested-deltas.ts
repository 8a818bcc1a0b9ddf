import { TrimtabError } from "../../shared/errors.ts";
import { type RowDeltas, rowDeltas, type ServingDelta } from "../runtime/serving-delta.ts";

export interface RequestedDelta {
  /** As the tenant knows it. */
  readonly id: string;
  readonly delta: ServingDelta;
  readonly weight: number;
}

/** Parts that come before the text: a request can have one of each, and half of one is meaningless. */
const LEADS = [
  ["prompt", "virtual tokens"],
  ["prefix", "a prefix"],
] as const;

/** The two ends of the model, which the host changes at every token. */
const ENDS = [
  ["head", "the head"],
  ["embedding", "the embedding"],
] as const;

/**
 * A request's deltas combined; those with weight 0 are ignored. Throws `invalid_request`, naming the deltas, if two cannot be
 * combined, one cannot have its weight, or together they change an end of the model with a rank above `endRank`.
 */
export function requestedDeltas(
  asked: readonly RequestedDelta[],
  { endRank }: { readonly endRank: number },
): RowDeltas {
  const named = asked.filter(({ weight }) => weight !== 0);
  for (const [kind, what] of LEADS) {
    const [first, second] = named.filter(({ delta }) => delta.nonColumnParts[kind] !== undefined);
    if (first !== undefined && second !== undefined) {
      throw refusal(`the deltas ${first.id} and ${second.id} both put ${what} before the text; ask for one of them`);
    }
    if (first !== undefined && first.weight !== 1) {
      const why = "which cannot be weighted; ask for it with a weight of 1, or of 0 to leave it out";
      throw refusal(`the delta ${first.id} puts ${what} before the text, ${why}; its weight came to ${first.weight}`);
    }
  }
  for (const [end, what] of ENDS) {
    const rank = named.reduce((sum, { delta: { outerLayers } }) => sum + (outerLayers[end]?.b?.shape[0] ?? 0), 0);
    if (rank > endRank) {
      const most = `but this model serves at most ${endRank} there`;
      throw refusal(`the request's deltas change ${what} with a rank of ${rank} together, ${most}; ask for fewer`);
    }
  }
  return rowDeltas(named);
}

function refusal(message: string): TrimtabError {
  return new TrimtabError("invalid_request", message, { param: "deltas" });
}
