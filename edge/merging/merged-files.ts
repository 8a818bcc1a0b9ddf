import type { MergeDeltas } from "../../shared/api/deltas.ts";
import type { CanonicalDelta } from "../../shared/delta/canonical.ts";
import type { Manifest } from "../../shared/delta/manifest.ts";
import { type MergedModel, mergeIntoWeights } from "../../shared/delta/merge/into-weights.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { throughNf4 } from "../../shared/model/quantised-weights.ts";
import { smallFiles, WEIGHT_FILE, weightFile } from "../../shared/model/write-folder.ts";
import { type Provenance, writeDeltaFolder } from "../../shared/package/delta-folder.ts";
import { adaptersOf, type NamedBase } from "../../shared/peft/adapters-of.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { FileContents } from "../blobs/file-contents.ts";
import type { FolderReader } from "../blobs/folder-reader.ts";
import type { MergeSource } from "./merged-delta.ts";

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
  // Equal merges have equal bytes, whenever they are made.
  const times = manifests.flatMap(({ created_at }) => created_at ?? []);
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
    ...(times.length === 0 ? {} : { created_at: Math.max(...times) }),
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
 * The files of the result as a complete model, whose weights are computed one by one: from those that the deltas were
 * trained on, which for a base in 4 bits are not those of its files.
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
