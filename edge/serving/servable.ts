import type { CanonicalDelta } from "../../shared/delta/canonical.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { beyondLimits, demandOf, megabytes, type ServingLimits } from "./limits.ts";

/**
 * Refuses a delta that no request could use.
 *
 * @throws TrimtabError invalid_delta with what is too large, and how much there may be.
 */
export function requireServable(delta: CanonicalDelta, limits: ServingLimits): void {
  const beyond = beyondLimits(demandOf(delta), limits);
  if (beyond !== undefined) throw tooMuch(beyond);
}

/** Refuses a serving form that is larger than all that may be in memory: its file, with its header, is what is counted. */
export function requireRoom(fileBytes: number, limits: Pick<ServingLimits, "bytes">): void {
  if (fileBytes <= limits.bytes) return;
  throw tooMuch({ has: `${megabytes(fileBytes)} MB of numbers`, most: `${megabytes(limits.bytes)} MB` });
}

function tooMuch({ has, most }: { readonly has: string; readonly most: string }): TrimtabError {
  return new TrimtabError(
    "invalid_delta",
    `the adapter has ${has}, but the most that is served on this model is ${most}; train a smaller one, or upload the merged model as a base`,
  );
}
