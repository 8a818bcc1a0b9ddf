import type { Context } from "hono";
import type { MergeDeltas } from "../../shared/api/deltas.ts";
import type { Edit, MergeEdits } from "../../shared/api/edits.ts";
import { fineTunedName } from "../../shared/api/ids.ts";
import { decodeEditFile, EDIT_FILE, encodeEditFile, joinEditFiles } from "../../shared/edits/edit-file.ts";
import type { FactReport } from "../../shared/edits/report.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import { LIMITS } from "../../shared/limits.ts";
import { baseAccess } from "../blobs/base-access.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import { heapLimitBytes } from "../env.ts";
import { mergeInTurns, readSources } from "../merging/merged-delta.ts";
import { deltaFiles } from "../merging/merged-files.ts";
import type { Idempotency } from "../objects/idempotency.ts";
import type { StackedDelta } from "../objects/tenant/artefact-rows.ts";
import type { StoredFacts } from "../objects/tenant/edits/edit-jobs.ts";
import { Pace } from "../pace/pace.ts";
import { beyondLimits, demandOf, servingLimits, totalDemand } from "../serving/limits.ts";
import type { AppEnv } from "./app-env.ts";
import { answeredEdit } from "./edit-answer.ts";
import { publishFolder } from "./publish-folder.ts";

const refuse = (problem: string) => new TrimtabError("invalid_request", `\`edits\` ${problem}.`, { param: "edits" });

/**
 * Publishes the exact sum of edits as an edit, and returns its id; an equal sum is found as it is. What is refused leaves nothing.
 *
 * @throws TrimtabError not_found for an unknown edit; conflict where there are as many edits as there may be; invalid_request for one
 *   without a delta, for edits of several bases, or for a sum that is too large to serve on what it stands on; invalid_delta for one of
 *   another version of the base.
 */
export async function mergeEdits(c: Context<AppEnv>, request: MergeEdits, key: Idempotency | null): Promise<string> {
  const tenant = c.var.caller.object;
  const bucket = c.env.BLOBS;
  const edits: Edit[] = [];
  for (const id of request.edits) edits.push(await answeredEdit(bucket, await tenant.edits.get(id)));
  const { base: stored } = await tenant.models.base(requireOneBase(edits));
  const stack = commonStack(edits);
  await tenant.edits.requireRoom();
  const deltas = edits.map(({ delta }) => ({ id: delta!, weight: 1 }));
  const folders = await tenant.deltas.toMerge(stored, deltas).catch((error) => Promise.reject(ofEdits(error)));
  const base = { ...(await baseAccess(bucket, stored)), id: stored.id, digest: stored.digest };
  const sources = await readSources(bucket, folders, base).catch((error) => Promise.reject(ofEdits(error)));
  const linear: MergeDeltas = { model: stored.id, deltas, method: "linear", output: "delta" };
  const delta = await mergeInTurns(linear, sources, new Pace(c.var.caller.id));
  const beneath: StoredFolder[] = [];
  for (const { artefact } of stack) beneath.push(await tenant.deltas.folder(artefact));
  const served = [{ delta }, ...(await readSources(bucket, beneath, base))].map((each) => demandOf(each.delta));
  const beyond = beyondLimits(totalDemand(served), servingLimits(base.config, heapLimitBytes(c.env)));
  if (beyond !== undefined) {
    const where = stack.length === 0 ? "" : " with the deltas that they stand on";
    throw refuse(`sum up to ${beyond.has}${where}, but the most that is served on this model is ${beyond.most}`);
  }
  const files = await deltaFiles(delta, { request: linear, sources, base });
  const keys = await joinedKeys(bucket, folders, edits);
  if (keys !== undefined) files.set(EDIT_FILE, keys);
  const suffix = request.suffix ?? null;
  const published = await publishFolder(bucket, tenant, { kind: "delta", files, base, suffix }, null);
  if (published.object !== "delta") throw new TrimtabError("internal_error", "a merge of edits is no delta");
  const modelName = fineTunedName({ base: base.id, tenant: c.var.caller.id, suffix, id: published.digest });
  const merged = {
    ...{ base: base.id, model: base.id, stack, delta: published.id, modelName },
    ...{ from: request.edits, metadata: request.metadata ?? null },
  };
  return storeFacts(c, factsOf(edits), (file) => tenant.edits.addMerged({ ...merged, file }, key));
}

function requireOneBase(edits: readonly Edit[]): string {
  const without = edits.find(({ delta }) => delta === null);
  if (without !== undefined) throw refuse(`names ${without.id}, which is ${without.status} and has no delta`);
  const [first] = edits;
  const other = edits.find(({ base }) => base !== first!.base);
  if (other === undefined) return first!.base;
  throw refuse(`names ${first!.id} of ${first!.base} and ${other.id} of ${other.base}: merge edits of one base`);
}

/** An error about the deltas to merge, as one about the edits that they are. */
function ofEdits(error: unknown): unknown {
  if (!(error instanceof TrimtabError)) return error;
  const param = (error.param ?? "edits").replace(/^deltas(\[\d+\])?(?:\.id)?$/, "edits$1");
  return new TrimtabError(error.code, error.message.replace("`deltas`", "`edits`"), { param, cause: error });
}

/** What the sum stands on: everything that one of the edits does, except those that are in it. */
function commonStack(edits: readonly Edit[]): StackedDelta[] {
  const own = new Set(edits.map(({ delta }) => delta));
  const stack = new Map<string, number>();
  for (const { id, weight } of edits.flatMap(({ deltas }) => deltas)) {
    if (own.has(id)) continue;
    if ((stack.get(id) ?? weight) !== weight) {
      throw refuse(`stand on ${id} with the weights ${stack.get(id)} and ${weight}, so that no model serves their sum`);
    }
    stack.set(id, weight);
  }
  if (stack.size >= LIMITS.deltasPerRequest) throw refuse(`stand on ${stack.size} deltas together, which is too many`);
  return [...stack].map(([artefact, weight]) => ({ artefact, weight }));
}

/** The keys of all the facts, for later edits; undefined where one of the deltas has none. */
async function joinedKeys(
  bucket: R2Bucket,
  folders: readonly StoredFolder[],
  edits: readonly Edit[],
): Promise<Uint8Array | undefined> {
  if (folders.some(({ files }) => files.every(({ name }) => name !== EDIT_FILE))) return undefined;
  const files = [];
  for (const folder of folders) files.push(decodeEditFile(await new FolderReader(bucket, folder).bytes(EDIT_FILE)));
  const counts = edits.map((edit) => factsOf([edit]).length);
  return encodeEditFile(joinEditFiles(files, counts));
}

function factsOf(edits: readonly Edit[]): FactReport[] {
  return edits
    .flatMap(({ facts }) => facts)
    .filter((fact) => fact.status !== "waiting")
    .map((fact, index) => ({ ...fact, index }));
}

/** Stores the reports of the facts, a line each, for the edit that `add` makes of them. */
async function storeFacts(
  c: Context<AppEnv>,
  facts: readonly FactReport[],
  add: (file: StoredFacts) => Promise<string>,
): Promise<string> {
  const tenant = c.var.caller.object;
  const { id, key } = await tenant.files.begin();
  try {
    return await add({ id, facts: await reportFile(c.env.BLOBS, key, facts) });
  } catch (error) {
    await tenant.files.drop(id);
    throw error;
  }
}

async function reportFile(bucket: R2Bucket, key: string, facts: readonly FactReport[]): Promise<StoredFacts["facts"]> {
  const text = facts.map((fact) => `${JSON.stringify(fact)}\n`).join("");
  const body = new TextEncoder().encode(text);
  const sha256 = await sha256Hex(body);
  await bucket.put(key, body, { sha256 });
  return {
    ...{ filename: "facts.jsonl", bytes: body.byteLength, sha256, format: "facts", lines: facts.length },
    trainable: facts.length,
    dataset: {
      ...{ format: "jsonl", compression: null, kinds: [], examples: facts.length, layouts: ["fact report"] },
      ignored_columns: [],
    },
  };
}
