import type { MergeDeltas } from "../../shared/api/deltas.ts";
import { type CanonicalDelta, decodeCanonical, SERVING_FILE } from "../../shared/delta/canonical.ts";
import { type Provenance, writeDeltaFolder } from "../../shared/delta/delta-folder.ts";
import { MANIFEST_FILE, type Manifest, parseManifest } from "../../shared/delta/manifest.ts";
import { type MergedModel, mergeIntoWeights } from "../../shared/delta/merge/into-weights.ts";
import { type MergeRequest, mergeSteps, mergeWork } from "../../shared/delta/merge/merge.ts";
import { MERGE_METHODS } from "../../shared/delta/merge/registry.ts";
import type { WeightedDelta } from "../../shared/delta/sum.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import { throughNf4 } from "../../shared/model/quantised-weights.ts";
import { smallFiles, WEIGHT_FILE, weightFile } from "../../shared/model/write-folder.ts";
import { adaptersOf, type NamedBase } from "../../shared/peft/adapters-of.ts";
import type { Tensor } from "../../shared/tensor.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import { beyondLimits, demandOf, type ServingLimits } from "../serving/limits.ts";
import type { FileContents } from "./publish-folder.ts";

export interface MergeSource {
  readonly digest: string;
  readonly manifest: Manifest;
  readonly delta: CanonicalDelta;
}

/**
 * Reads the deltas of a merge from the store.
 *
 * @throws TrimtabError payload_too_large where they are more than fits in memory, corrupt_blob.
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
 * The deltas as one, computed a part of the model at a time with a turn for others in between.
 *
 * @throws TrimtabError invalid_request with the field that has to change.
 */
export async function merged(
  request: MergeDeltas,
  sources: readonly MergeSource[],
  turn: () => Promise<void>,
): Promise<CanonicalDelta> {
  const terms = sources.map(({ delta }, index): WeightedDelta => ({ delta, weight: request.deltas[index]!.weight }));
  if (mergeWork(terms, request.method) > LIMITS.mergeWork) {
    const others = (["linear", "svd", "cat"] as const).filter((name) => mergeWork(terms, name) <= LIMITS.mergeWork);
    throw new TrimtabError(
      "invalid_request",
      `\`method\` ${request.method} computes too long on a model of this size. Use ${others.join(", ")}.`,
      { param: "method" },
    );
  }
  const steps = mergeSteps(terms, mergeRequestOf(request));
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await turn();
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
 * Refuses a delta that no request could use.
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

/** The files of the result as a delta: its adapters, its serving form, and a manifest that names what it was made of. */
export async function deltaFiles(
  delta: CanonicalDelta,
  {
    request,
    sources,
    base,
  }: { request: MergeDeltas; sources: readonly MergeSource[]; base: NamedBase & { digest: string } },
): Promise<Map<string, Uint8Array>> {
  const manifests = sources.map(({ manifest }) => manifest);
  const { method, rank, density, majority_sign_method, seed } = request;
  const options = { rank, density, majority_sign_method, seed };
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const provenance: Provenance = {
    base_model: base.id,
    base_digest: base.digest,
    tokenizer_digest: manifests[0]!.tokenizer_digest,
    methods: [...new Set(manifests.flatMap(({ methods }) => methods))],
    data_digests: [...new Set(manifests.flatMap((manifest) => manifest.data_digests))].slice(0, 64),
    metrics: {},
    parents: sources.map(({ digest }) => digest),
    ...sharedBase(sources),
    merge: { method, weights: request.deltas.map(({ weight }) => weight), ...given },
    // Equal merges have equal bytes, whenever they are made.
    created_at: Math.max(...manifests.map(({ created_at }) => created_at)),
  };
  return writeDeltaFolder(await adaptersOf(delta, base), provenance);
}

type BaseForm = Pick<Manifest, "base_quantization">;

/** The form of the base that all of the deltas were trained on; undefined where it was not the same. */
function sharedBase(sources: readonly MergeSource[]): BaseForm | undefined {
  const [first, ...others] = sources.map(({ manifest }) => manifest.base_quantization);
  const text = JSON.stringify(first);
  if (others.some((other) => JSON.stringify(other) !== text)) return undefined;
  return first === undefined ? {} : { base_quantization: first };
}

export interface ModelSources {
  readonly sources: readonly MergeSource[];
  readonly base: NamedBase;
  /** Of the base. */
  readonly files: Pick<FolderReader, "names" | "bytes">;
}

/**
 * The files of the result as a model of its own, whose weights are made one by one: from those that the deltas were trained
 * on, which for a base in 4 bits are not those of its files.
 *
 * @throws TrimtabError invalid_request for a part that weights cannot hold, or that this base is not served with, and for
 *   deltas that were trained on the base in different forms.
 */
export async function modelFiles(
  delta: CanonicalDelta,
  { sources, base, files }: ModelSources,
): Promise<Map<string, FileContents>> {
  const form = sharedBase(sources);
  if (form === undefined) {
    throw new TrimtabError(
      "invalid_request",
      "`output` cannot be model here: the deltas were trained on the base in different forms, in 4 bits and not, and a model's weights have one. Leave it out and serve the result as a delta.",
      { param: "output" },
    );
  }
  const { base_quantization: quantised } = form;
  const trainedOn =
    quantised === undefined
      ? (_: string, weight: Tensor<"f32">) => weight
      : throughNf4(base.config, { doubleQuantised: quantised.bnb_4bit_use_double_quant });
  const model = folded(base, delta);
  if (model.config.tied !== base.config.tied) {
    throw new TrimtabError(
      "invalid_request",
      `\`output\` cannot be model here: the embedding of ${base.id} is its head as well, and the result changes one of the two. Leave it out and serve the result as a delta.`,
      { param: "output" },
    );
  }
  const small = await Promise.all(
    files.names
      .filter((name) => !name.endsWith(".safetensors"))
      .map(async (name) => [name, await files.bytes(name)] as const),
  );
  const weight = async (name: string) => {
    const source = model.source(name);
    return model.weight(name, trainedOn(source, await base.weight(source)));
  };
  return new Map<string, FileContents>([
    ...smallFiles({ config: model.config, base: new Map(small) }),
    [WEIGHT_FILE, () => weightFile({ config: model.config, weight })],
  ]);
}

function folded({ config }: NamedBase, delta: CanonicalDelta): MergedModel {
  try {
    return mergeIntoWeights(config, delta);
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    const message = `\`output\` cannot be model here: ${error.message}.`;
    throw new TrimtabError(error.code, message, { param: "output", cause: error });
  }
}
