import type { z } from "zod";
import type { CanonicalDelta } from "../delta/canonical.ts";
import type { SafetensorsTensor } from "../formats/safetensors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { ModelConfig } from "../model/config.ts";
import type { ModelFiles } from "../model/model-folder.ts";
import type { Quantisation } from "../model/quantised-weights.ts";
import type { ModelRewrite } from "../model/rewrite.ts";
import type { BatchShape } from "../model/training-forward.ts";
import type { Weights } from "../model/weights.ts";
import type { Tensor } from "../tensor.ts";

/**
 * A way to train part of a model. A method is a folder beside this file with one row in `registry.ts`; the recipes, the
 * loop, the trainer and the edge know only what stands here. Everything is pure: equal arguments give equal results.
 */
export interface PeftMethod<Settings> {
  /** What a job says under `peft`; its `type` is the name of the row. */
  readonly settings: z.ZodType<Settings>;
  /**
   * What is trained and what serving it will take, from the model's shape alone.
   * Throws `invalid_request`, with the setting as `param`, when the settings do not fit the model.
   */
  plan(options: PlanOptions<Settings>): MethodPlan;
  /** The same with first values and graphs. Throws as `plan` does. */
  attach(options: AttachOptions<Settings>): AttachedMethod;
  /** Where gates go that `use_gating` asks for; left out by methods that have no such setting. Throws as `plan` does. */
  gates?(options: PlanOptions<Settings>): readonly Gate[];
  /**
   * What the method is trained on in place of a weight of the base, both in the layout of `weightSpecs`: merging the result
   * onto anything else changes what it computes. Left out by methods that are trained on the base itself.
   */
  base?(
    options: Pick<PlanOptions<Settings>, "config" | "settings">,
  ): (name: string, weight: Tensor<"f32">) => Tensor<"f32">;
  /** What becomes of the trained values. */
  readonly result: AdapterResult<Settings> | ModelResult<Settings>;
  /** The adapter files of this method, for those that others made; left out where there are none. */
  readonly format?: AdapterFormat;
  readonly traits: MethodTraits;
  /** As among the traits, where it depends on the settings; left out where it does not. */
  learningRate?(settings: Settings): number;
}

/** What a person who chooses a method wants to know, and what the recipes need to. */
export interface MethodTraits {
  /** The learning rate that `auto` takes, as a multiple of LoRA's. */
  readonly learningRate: number;
  /** The result can be folded into the weights of a base that has a place for it. */
  readonly mergeable: boolean;
  /** What it suits, in a sentence. */
  readonly suits: string;
}

export interface PlanOptions<Settings> {
  readonly config: ModelConfig;
  readonly settings: Settings;
  /** Where the settings stand in the request, for `param`: `method.supervised.peft`, or with an index behind it. */
  readonly param: string;
}

export interface MethodPlan {
  readonly parameters: readonly Parameter[];
  readonly serving: ServingFootprint;
  /** What no other method of a list may have too. */
  readonly claims?: readonly Claim[];
  /** What is learnt means nothing without the base's weights as they are, so that no other method may hold them otherwise. */
  readonly readsWeights?: boolean;
  /** How many numbers the published files hold; as many as are trained when left out. */
  readonly published?: number;
  /** Bytes of the frozen base as training holds it; its weights in float32 when left out. */
  readonly frozenBytes?: number;
  /** Whether this base's weights have a place for the result; what the traits say when left out. */
  readonly mergeable?: boolean;
  readonly checkSteps?: CheckSteps;
}

/** Throws `invalid_request`, with the setting as `param`, where the method has no meaning in a run of that many steps. */
export type CheckSteps = (totalSteps: number) => void;

/** What only one method of a list can have: embeddings or states before the text, or another form of the frozen base. */
export type Claim = "virtual tokens" | "prefix" | "base";

/** Learned numbers that decide how much is taken of what a method adds somewhere. */
export interface Gate {
  /** Such as the path of a module. */
  readonly name: string;
  /** The parameters that are multiplied by how far the gate is open: what the method adds is in proportion to them. */
  readonly parameters: readonly string[];
  /** How many gates: one for each of as many equal parts of the parameters' last axis. */
  readonly parts: number;
}

/** What one row takes that asks for the result; all 0 for a method that gives a whole model. */
export interface ServingFootprint {
  /** The largest rank that it has in one layer. */
  readonly rank: number;
  /** Vectors of scales and biases, in numbers. */
  readonly vectors: number;
  /** The most columns of bottlenecks that it has in one block. */
  readonly columns: number;
  /** Positions of the context that hold no text: virtual tokens and prefix. */
  readonly positions: number;
}

export interface AttachOptions<Settings> extends PlanOptions<Settings> {
  /** The base's weights; only read. */
  readonly weights: Weights;
  readonly seed: number;
  /** Token ids of a text, for methods that start from one. */
  readonly encode: (text: string) => readonly number[];
}

/** A tensor that training changes. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether weight decay applies; norms and biases go without. */
  readonly decay: boolean;
  /** The learning rate of this parameter as a multiple of the run's; 1 when left out. */
  readonly rate?: number;
  /** Its peak learning rate in place of the run's and of `rate`, for methods that say it in absolute terms. */
  readonly learningRate?: number;
}

/** A method on one model. */
export interface AttachedMethod {
  /** Everything that training changes. A base weight among them, by its own name, is no longer frozen. */
  readonly parameters: readonly Parameter[];
  /** The first value of each parameter. */
  readonly initial: ReadonlyMap<string, Tensor<"f32">>;
  /** Whether the first values leave the base as it is. */
  readonly startsAsBase: boolean;
  /** How the forward pass changes; left out where it does not. */
  readonly rewrite?: (context: RewriteContext) => ModelRewrite;
  /** What the training graph takes besides data and parameters, drawn anew for every micro-batch. */
  readonly randomInputs: (shape: BatchShape) => readonly RandomInput[];
  /** Frozen inputs of the graphs: other values for weights of the base, or inputs of the method's own. */
  readonly frozen?: ReadonlyMap<string, Tensor>;
  /** Weights of the base that the graphs do not take, because `frozen` holds them in another form. */
  readonly replaced?: ReadonlySet<string>;
  /** Positions at the beginning of every example that hold no text; the data gets as many placeholders. 0 when left out. */
  readonly virtualTokens?: number;
  /** Positions before those, of keys and values alone; they take no placeholder. 0 when left out. */
  readonly prefixTokens?: number;
  /** A scalar that a step minimises together with its loss, without being part of the loss that is reported. */
  readonly penalty?: (context: RewriteContext) => Value;
  /** What happens to the parameters after each step besides the optimizer. */
  readonly afterStep?: AfterStep;
}

/** Runs on the host between two steps; a pure function of what it is given. */
export interface AfterStep {
  /** First values of what it remembers from step to step; checkpoints hold it, by name. */
  readonly memory: ReadonlyMap<string, Tensor<"f32">>;
  readonly checkSteps?: CheckSteps;
  /** The tensors that change, parameters and memory, by name. Mutates nothing. */
  apply(moment: StepMoment): ReadonlyMap<string, Tensor<"f32">>;
}

export interface StepMoment {
  /** Counted from 1. */
  readonly step: number;
  readonly totalSteps: number;
  /** The parameters after the optimizer's step, and the memory. */
  readonly values: ReadonlyMap<string, Tensor<"f32">>;
  /** As the optimizer took them: summed over the micro-batches, then clipped. */
  readonly gradients: ReadonlyMap<string, Tensor<"f32">>;
}

export interface RewriteContext {
  readonly b: GraphBuilder;
  readonly config: ModelConfig;
  /** The graph input of one of the method's parameters, or of its `frozen` tensors. */
  readonly parameter: (name: string) => Value;
  /** The graph input of one of the base's weights, in the layout of `weightSpecs`. */
  readonly weight: (name: string) => Value;
  /** The graph input of one of the method's `randomInputs`. */
  readonly random: (name: string) => Value;
  /** [B, T] i64: where each token stands in its example, placeholders of `virtualTokens` included. */
  readonly positions: Value;
  /** False in an evaluation graph, which has no random inputs. */
  readonly training: boolean;
}

/** A u8 input of ones and zeros: an element is 0 with the given probability. */
export interface RandomInput {
  readonly name: string;
  readonly shape: readonly number[];
  readonly probability: number;
}

/** Values from a training, and what they were trained on. */
export interface TrainedValues<Settings> {
  readonly config: ModelConfig;
  readonly settings: Settings;
  readonly seed: number;
  /** The value of each parameter, under the names that `attach` gave. */
  readonly values: ReadonlyMap<string, Tensor<"f32">>;
  /** The base's weights; only read. */
  readonly weights: Weights;
  /** How many steps the run has; left out where the values come from none. */
  readonly totalSteps?: number;
}

export interface PublishOptions<Settings> extends TrainedValues<Settings> {
  /** The base's Hugging Face folder. */
  readonly base: { readonly id: string; readonly files: ModelFiles };
}

/** What an adapter's files say beside the adapter itself. */
export interface FolderOptions<Settings> {
  readonly config: ModelConfig;
  readonly settings: Settings;
  /** The base by the name that files give it. */
  readonly base: { readonly id: string };
}

/**
 * The result is an adapter. Values become the served form first, and that becomes files: a checkpoint can be served without
 * writing any, and files can be written for an adapter that no training made. `Own` is what the method's files hold.
 */
export interface AdapterResult<Settings, Own = unknown> {
  readonly kind: "adapter";
  canonical(trained: TrainedValues<Settings>): AdapterContent<Own> | Promise<AdapterContent<Own>>;
  /** The files that other tools read. Equal arguments give equal bytes. */
  files(content: AdapterContent<Own>, options: FolderOptions<Settings>): ReadonlyMap<string, Uint8Array>;
}

/** The result is a model of its own, in all its files. */
export interface ModelResult<Settings> {
  readonly kind: "model";
  files(options: PublishOptions<Settings>): Promise<ReadonlyMap<string, Uint8Array>>;
}

/** What training made: an adapter, or all files of a whole model. */
export type PublishedPart =
  | { readonly kind: "adapter"; readonly adapter: Adapter }
  | { readonly kind: "model"; readonly files: ReadonlyMap<string, Uint8Array> };

/** An adapter as it is served. */
export interface ServedAdapter {
  /** The row of the registry. */
  readonly method: string;
  readonly delta: CanonicalDelta;
  /** How many numbers were trained. */
  readonly parameters: number;
  /** In what form the base's linear weights were while it was trained; float32 when left out. */
  readonly quantisation?: Quantisation;
}

/** An adapter as it is served, and the same in the method's own terms, which its files are written from. */
export interface AdapterContent<Own = unknown> extends ServedAdapter {
  /** Such as factors whose scale is still apart. */
  readonly own: Own;
}

/** An adapter as it is served and as others read it, which compute the same. */
export interface Adapter extends ServedAdapter {
  /** `adapter_config.json` and the file of its tensors, `adapter_model.safetensors` or what the format calls it. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A layout of adapter files, peft's or AdapterHub's. Methods that share a layout share the object. */
export interface AdapterFormat {
  /** The file of the tensors; `adapter_model.safetensors` when left out. */
  readonly weightsFile?: string;
  /** Whether an `adapter_config.json` with these fields is of this layout. */
  recognises(config: Readonly<Record<string, unknown>>): boolean;
  /**
   * Nothing is overlooked: throws `invalid_delta` naming the field that is unknown or not supported, or the tensor that is
   * missing, left over, of a wrong shape or dtype, or not finite.
   */
  read(folder: AdapterFolder, base: BaseAccess): Promise<ServedAdapter>;
}

export interface AdapterFolder {
  readonly config: Readonly<Record<string, unknown>>;
  /** All values finite. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
}

/** The base that an adapter is read for. */
export interface BaseAccess {
  readonly config: ModelConfig;
  /** A weight in the layout of `weightSpecs`, read only by those formats that need it. */
  readonly weight: (name: string) => Promise<Tensor<"f32">>;
}
