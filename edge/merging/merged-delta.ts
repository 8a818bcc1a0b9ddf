import type { MergeDeltas } from "../../shared/api/deltas.ts";
import type { CanonicalDelta } from "../../shared/delta/canonical.ts";
import { MANIFEST_FILE, type Manifest, parseManifest } from "../../shared/delta/manifest.ts";
import { type MergeRequest, mergeSteps, mergeWork } from "../../shared/delta/merge/merge.ts";
import { MERGE_METHODS } from "../../shared/delta/merge/registry.ts";
import { decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import type { WeightedDelta } from "../../shared/delta/sum.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { NamedBase } from "../../shared/peft/adapters-of.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import type { Pace } from "../pace/pace.ts";
import { beyondLimits, demandOf, type ServingLimits } from "../serving/limits.ts";

export interface MergeSource {
  readonly digest: string;
  readonly manifest: Manifest;
  readonly delta: CanonicalDelta;
}

/**
 * Reads the deltas of a merge from the store.
 *
 * @throws TrimtabError payload_too_large if they do not fit in memory, corrupt_blob.
 */
export async function readSources(
  bucket: R2Bucket,
  folders: readonly StoredFolder[],
  { config }: Pick<NamedBase, "config">,
): Promise<MergeSource[]> {
  const served = folders.flatMap(({ files }) => files.filter(({ name }) => name === SERVING_FILE));
  const bytes = served.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > LIMITS.mergedBytes) {
    throw new TrimtabError(
      "payload_too_large",
      `\`deltas\` have ${bytes} bytes together, and at most ${LIMITS.mergedBytes} are merged at a time. Merge some of them first, with svd and a low \`rank\`.`,
      { param: "deltas" },
    );
  }
  const sources: MergeSource[] = [];
  for (const folder of folders) {
    const reader = new FolderReader(bucket, folder);
    sources.push({
      digest: folder.digest,
      manifest: parseManifest(await reader.bytes(MANIFEST_FILE)),
      delta: decodeCanonical(await reader.bytes(SERVING_FILE), config),
    });
  }
  return sources;
}

/**
 * Merges the deltas into one, a part of the model at a time, each of which waits for its turn.
 *
 * @throws TrimtabError invalid_request with the field to change.
 */
export async function mergeInTurns(
  request: MergeDeltas,
  sources: readonly MergeSource[],
  pace: Pace,
): Promise<CanonicalDelta> {
  const terms = sources.map(({ delta }, index): WeightedDelta => ({ delta, weight: request.deltas[index]!.weight }));
  if (mergeWork(terms, request.method) > LIMITS.mergeWork) {
    const others = (["linear", "svd", "cat"] as const).filter((name) => mergeWork(terms, name) <= LIMITS.mergeWork);
    throw new TrimtabError(
      "invalid_request",
      `\`method\` ${request.method} takes too long on a model of this size. Use ${others.join(", ")}.`,
      { param: "method" },
    );
  }
  const steps = mergeSteps(terms, mergeRequestOf(request));
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await pace.turn();
  }
}

function mergeRequestOf({ method, rank, density, majority_sign_method: sign, seed }: MergeDeltas): MergeRequest {
  return {
    method,
    ...(rank === undefined ? {} : { rank }),
    ...(density === undefined ? {} : { density }),
    ...(sign === undefined ? {} : { majoritySignMethod: sign }),
    ...(seed === undefined ? {} : { seed }),
  };
}

/**
 * Refuses a result that is too large for any request to use.
 *
 * @throws TrimtabError invalid_request with the field that could make it smaller.
 */
export function requireServed(delta: CanonicalDelta, { method }: MergeDeltas, limits: ServingLimits): void {
  const demand = demandOf(delta);
  const beyond = beyondLimits(demand, limits);
  if (beyond === undefined) return;
  const ranked = (MERGE_METHODS[method].takes as readonly string[]).includes("rank");
  // Bottlenecks and positions only add up; a rank can be lowered.
  const param = ranked ? "rank" : demand.columns + demand.positions > 0 ? "deltas" : "method";
  const instead = { rank: " Send a lower `rank`.", method: " Use svd with a `rank` of at most that.", deltas: "" };
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\`: the result has ${beyond.has}, but the most that is served on this model is ${beyond.most}.${instead[param]}`,
    { param },
  );
}
