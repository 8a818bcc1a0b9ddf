/** Continues from a tuned model: loads a run's start, and turns its result into one for the base that serves it. */
import type { CanonicalDelta } from "../../shared/delta/canonical.ts";
import { MANIFEST_FILE, type Manifest, parseManifest } from "../../shared/delta/manifest.ts";
import { mergeIntoWeights } from "../../shared/delta/merge/into-weights.ts";
import { onTopOf } from "../../shared/delta/on-top-of.ts";
import { decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { sumDeltas } from "../../shared/delta/sum.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { loadModelFolder, type ModelFiles } from "../../shared/model/model-folder.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import { throughNf4 } from "../../shared/model/quantised-weights.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { modelFolder } from "../../shared/model/write-folder.ts";
import { type Provenance, writeDeltaFolder } from "../../shared/package/delta-folder.ts";
import { adaptersOf } from "../../shared/peft/adapters-of.ts";
import { canonicalMethods } from "../../shared/peft/combine.ts";
import type { PublishOptions, ServedAdapter, TrainedValues } from "../../shared/peft/method.ts";
import { methodsOf, type PeftChoice } from "../../shared/peft/presets.ts";
import { peftMethod } from "../../shared/peft/registry.ts";
import type { ResultFolder, TrainedResult } from "./result.ts";

/** The tuned model that a run continues from: a delta, or a model with its own weights. */
export interface ParentFolder {
  readonly kind: "delta" | "model";
  /** Of the folder. */
  readonly digest: string;
  /** A delta's manifest and serving form, or all files of a model; all files of a delta whose adapters go on. */
  readonly files: ModelFiles;
  /** `adapter`: the delta's own numbers are trained further, in place of new ones on the merged weights. */
  readonly continueWith?: "adapter" | undefined;
}

/** A parent delta whose adapters are trained further. */
export interface ResumedDelta {
  readonly digest: string;
  readonly files: ModelFiles;
  readonly manifest: Manifest;
}

/** A parent delta in its serving form. */
export interface ParentDelta {
  readonly digest: string;
  readonly delta: CanonicalDelta;
  readonly manifest: Manifest;
}

export interface StartingModel {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  /** The delta that is folded into the weights; undefined if there is none. */
  readonly below: ParentDelta | undefined;
  /** The delta whose adapters go on; undefined if there is none. */
  readonly resumed: ResumedDelta | undefined;
}

/**
 * Loads the weights that a run trains on: the base's, a tuned model's own, or the base's with the parent's delta folded
 * in. Adapters that are trained further stay on the base as it is.
 *
 * @throws TrimtabError invalid_request with `model` as its field for a delta that weights cannot hold.
 */
export function loadStart(base: ModelFiles, parent: ParentFolder | undefined): StartingModel {
  const none = { below: undefined, resumed: undefined };
  if (parent?.kind !== "delta") return { ...loadModelFolder(parent?.files ?? base), ...none };
  const { config, weights, tokenizer } = loadModelFolder(base);
  const bytes = (name: string) => {
    const file = parent.files.get(name);
    if (file === undefined) throw new TrimtabError("corrupt_blob", `the parent delta lacks ${name}`);
    return file.subarray(0, file.byteLength);
  };
  const manifest = parseManifest(bytes(MANIFEST_FILE));
  if (parent.continueWith === "adapter") {
    const { digest, files } = parent;
    return { config, weights, tokenizer, ...none, resumed: { digest, files, manifest } };
  }
  const delta = decodeCanonical(bytes(SERVING_FILE), config);
  const { base_quantization: form } = manifest;
  const trainedOn =
    form === undefined ? undefined : throughNf4(config, { doubleQuantised: form.bnb_4bit_use_double_quant });
  const model = atField(() => mergeIntoWeights(config, delta));
  const merged = new Map(
    weightSpecs(model.config).map(({ name }) => {
      const source = model.source(name);
      const weight = weights.get(source)!;
      return [name, model.weight(name, trainedOn?.(source, weight) ?? weight)];
    }),
  );
  return {
    config: model.config,
    weights: merged,
    tokenizer,
    ...none,
    below: { digest: parent.digest, delta, manifest },
  };
}

/**
 * Checks before a run that its result can be published on top of the parent: methods that keep the base in another form
 * cannot continue, and a parent with its own weights must be able to absorb the result. `first` are the method's
 * initial values.
 *
 * @throws TrimtabError invalid_request with the field to change.
 */
export async function checkContinuation(
  parent: ParentFolder,
  first: TrainedValues<PeftChoice>,
  { tied, param }: { readonly tied: boolean; readonly param: string },
): Promise<void> {
  for (const { settings, place } of methodsOf(first.settings)) {
    if (peftMethod(settings).base === undefined) continue;
    throw new TrimtabError(
      "invalid_request",
      `\`${param}${place}\`: ${settings.type} trains on the base in 4 bits and cannot continue from a tuned model; use lora, or start from the base.`,
      { param: `${param}${place}` },
    );
  }
  const isModel = methodsOf(first.settings).some(({ settings }) => peftMethod(settings).result.kind === "model");
  if (isModel && first.config.tied !== tied) {
    throw new TrimtabError(
      "invalid_request",
      "`model` changes the embedding or the head of a base that shares them, so the result cannot be a complete model; train an adapter instead of `full`.",
      { param: "model" },
    );
  }
  if (parent.kind !== "model" || isModel) return;
  const added = sumDeltas((await canonicalMethods(first)).map(({ delta }) => ({ delta, weight: 1 })));
  const { config } = atField(() => mergeIntoWeights(first.config, added), param);
  if (config.tied === first.config.tied) return;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\` adapts the embedding or the head, which this model shares; leave them out of target_modules.`,
    { param },
  );
}

export interface ContinuedOptions extends TrainedResult {
  /** The weights of the base itself, without the parent's delta. */
  readonly baseModel: Pick<StartingModel, "config" | "weights">;
}

/** The result of adapters trained on a merged delta: one delta of both, for the base itself. Equal arguments give equal bytes. */
export async function publishOnTop(
  { baseModel, scorer, ...trained }: ContinuedOptions,
  below: ParentDelta,
  provenance: Provenance,
): Promise<ResultFolder> {
  const contents = await canonicalMethods(trained);
  const delta = onTopOf(below.delta, together(contents));
  const adapters = await adaptersOf(delta, {
    id: trained.base.id,
    config: baseModel.config,
    weight: async (name) => baseModel.weights.get(name)!,
  });
  const { manifest } = below;
  const ofBoth = {
    ...provenance,
    methods: [...new Set([...manifest.methods, ...contents.map(({ method }) => method)])],
    data_digests: [...new Set([...manifest.data_digests, ...provenance.data_digests])].slice(0, 64),
    parents: [below.digest],
    ...(manifest.base_quantization === undefined ? {} : { base_quantization: manifest.base_quantization }),
  };
  const files = await writeDeltaFolder(adapters, ofBoth, scorer);
  return { kind: "delta", files };
}

/** The result of adapters trained on a model with its own weights: that model with the adapters folded in. */
export async function publishFolded(trained: PublishOptions<PeftChoice>): Promise<ResultFolder> {
  const { config, weights, base } = trained;
  const model = mergeIntoWeights(config, together(await canonicalMethods(trained)));
  const weight = (name: string) => model.weight(name, weights.get(model.source(name))!);
  return { kind: "model", files: await modelFolder({ config: model.config, base: base.files, weight }) };
}

function together(contents: readonly Pick<ServedAdapter, "delta">[]): CanonicalDelta {
  return sumDeltas(contents.map(({ delta }) => ({ delta, weight: 1 })));
}

/** Reports a failed merge as an error of the field that requested it. */
function atField<T>(merge: () => T, param = "model"): T {
  try {
    return merge();
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    throw new TrimtabError(error.code, `\`${param}\` cannot be continued from: ${error.message}.`, {
      param,
      cause: error,
    });
  }
}
