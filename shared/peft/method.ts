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
 * A way to train part of a model. A method is a folder beside this file and one row in `registry.ts`; the recipes, the loop,
 * the trainer and the edge know only what is declared here. Everything is pure: equal arguments give equal results.
 */
export interface PeftMethod<Settings> {
  /** The settings that a job gives under `peft`; their `type` is the name of the row. */
  readonly settings: z.ZodType<Settings>;
  /**
   * What is trained and what serving it takes, from the model's shape alone. Throws `invalid_request`, with the setting as
   * `param`, if the settings do not fit the model.
   */
  plan(options: PlanOptions<Settings>): MethodPlan;
  /** The same parameters with their first values, and how they change the graphs. Throws like `plan`. */
  attach(options: AttachOptions<Settings>): AttachedMethod;
  /** Where the gates of `use_gating` go; absent for methods without that setting. Throws like `plan`. */
  gates?(options: PlanOptions<Settings>): readonly Gate[];
  /**
   * The method's replacement for a base weight during training, both in the layout of `weightSpecs`; merging the result
   * onto anything else changes what it computes. Absent for methods that are trained on the base itself.
   */
  base?(
    options: Pick<PlanOptions<Settings>, "config" | "settings">,
  ): (name: string, weight: Tensor<"f32">) => Tensor<"f32">;
  /** Turns trained values into a result. */
  readonly result: AdapterResult<Settings> | ModelResult<Settings>;
  /**
   * Reads the method's adapter files, including files from other tools; absent for methods that share another's files
   * or have none.
   */
  readonly format?: AdapterFormat;
  /** How a run goes on from the method's published files; absent for a method that publishes whole models. */
  readonly resume?: Resumption<Settings>;
  readonly traits: MethodTraits;
  /** Replaces the trait of the same name if the learning rate depends on the settings. */
  learningRate?(settings: Settings): number;
}

/** The traits that help to choose a method, and those that the recipes need. */
export interface MethodTraits {
  /** The learning rate that `auto` stands for, as a multiple of LoRA's. */
  readonly learningRate: number;
  /** Whether the result can be folded into the weights of a base that has a place for it. */
  readonly mergeable: boolean;
  /** What it suits, in a sentence. */
  readonly suits: string;
}

export interface PlanOptions<Settings> {
  readonly config: ModelConfig;
  readonly settings: Settings;
  /**
   * Where the settings are in the request, for errors' `param`: `method.supervised.peft`, with an index if there are several
   * methods.
   */
  readonly param: string;
}

export interface MethodPlan {
  readonly parameters: readonly Parameter[];
  readonly serving: ServingFootprint;
  /** What no other method in the list may have too. */
  readonly claims?: readonly Claim[];
  /**
   * The result means nothing without the base's exact weights, so no other method in the list may hold them in another form.
   */
  readonly readsWeights?: boolean;
  /** How many numbers the published files hold; as many as are trained by default. */
  readonly published?: number;
  /** Bytes of the frozen base as training holds it; its float32 weights by default. */
  readonly frozenBytes?: number;
  /** Whether this base's weights have a place for the result; the trait by default. */
  readonly mergeable?: boolean;
  readonly checkSteps?: CheckSteps;
}

/** Throws `invalid_request`, with the setting as `param`, if the method makes no sense in a run of that many steps. */
export type CheckSteps = (totalSteps: number) => void;

/** What only one method in a list can have: embeddings or states before the text, or another form of the frozen base. */
export type Claim = "virtual tokens" | "prefix" | "base";

/** Learned numbers that scale a method's contributions. */
export interface Gate {
  /** Such as the path of a module. */
  readonly name: string;
  /** The parameters that the gate's opening multiplies; the method's contribution is proportional to them. */
  readonly parameters: readonly string[];
  /** How many gates: one for each of as many equal parts of the parameters' last axis. */
  readonly parts: number;
}

/** What a row that uses the result takes; all 0 for a method whose result is a whole model. */
export interface ServingFootprint {
  /** The largest rank in any layer. */
  readonly rank: number;
  /** Numbers in the vectors of scales and biases. */
  readonly vectors: number;
  /** The most bottleneck columns in any block. */
  readonly columns: number;
  /** Positions of the context that hold no text: virtual tokens and prefix. */
  readonly positions: number;
}

export interface AttachOptions<Settings> extends PlanOptions<Settings> {
  /** The base's weights; only read. */
  readonly weights: Weights;
  readonly seed: number;
  /** Gives the token ids of a text, for methods that start from one. */
  readonly encode: (text: string) => readonly number[];
}

/** A tensor that training changes. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether weight decay applies; norms and biases go without. */
  readonly decay: boolean;
  /** This parameter's learning rate as a multiple of the run's; 1 by default. */
  readonly rate?: number;
  /** Its absolute peak learning rate, which replaces the run's and `rate`. */
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
  /** How the forward pass changes; absent if it does not. */
  readonly rewrite?: (context: RewriteContext) => ModelRewrite;
  /** The training graph's random inputs, drawn afresh for every micro-batch. */
  readonly randomInputs: (shape: BatchShape) => readonly RandomInput[];
  /** Frozen inputs of the graphs: other values for weights of the base, or inputs of the method's own. */
  readonly frozen?: ReadonlyMap<string, Tensor>;
  /** Weights of the base that the graphs do not take, because `frozen` holds them in another form. */
  readonly replaced?: ReadonlySet<string>;
  /** Positions at the start of every example that hold no text; the data gets as many placeholders. 0 by default. */
  readonly virtualTokens?: number;
  /** Positions before those that have only keys and values, and no placeholders. 0 by default. */
  readonly prefixTokens?: number;
  /** A scalar that a step minimises together with its loss, but that is not reported. */
  readonly penalty?: (context: RewriteContext) => Value;
  /** What happens to the parameters after each step besides the optimizer. */
  readonly afterStep?: AfterStep;
}

/** Runs on the host between two steps; a pure function of its arguments. */
export interface AfterStep {
  /** Initial values of its memory from step to step, by name. Checkpoints store the memory. */
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
  /** As the optimizer used them: summed over the micro-batches, then clipped. */
  readonly gradients: ReadonlyMap<string, Tensor<"f32">>;
  /** The parameters before the optimizer's step. */
  readonly before: ReadonlyMap<string, Tensor<"f32">>;
  /** The outputs that the plan names as `observed`, for each micro-batch; they belong to `before`. */
  readonly observed: readonly Readonly<Record<string, Tensor>>[];
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
  /** [B, T] i64: each token's position in its example, counting the placeholders of `virtualTokens`. */
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

/** Trained values, and the base that they were trained on. */
export interface TrainedValues<Settings> {
  readonly config: ModelConfig;
  readonly settings: Settings;
  readonly seed: number;
  /** The value of each parameter, under the names that `attach` gave. */
  readonly values: ReadonlyMap<string, Tensor<"f32">>;
  /** The base's weights; only read. */
  readonly weights: Weights;
  /** How many steps the run has; absent if the values come from no run. */
  readonly totalSteps?: number;
}

export interface PublishOptions<Settings> extends TrainedValues<Settings> {
  /** The base's Hugging Face folder. */
  readonly base: { readonly id: string; readonly files: ModelFiles };
}

/** What an adapter's files contain besides the adapter itself. */
export interface FolderOptions<Settings> {
  readonly config: ModelConfig;
  readonly settings: Settings;
  /** The base, by the name that files give it. */
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

/** The result is a whole model, with all its files. */
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
  /** The form of the base's linear weights during training; float32 by default. */
  readonly quantisation?: Quantisation;
}

/** An adapter as it is served, and in the method's own terms, from which its files are written. */
export interface AdapterContent<Own = unknown> extends ServedAdapter {
  /** Such as factors that do not include their scale yet. */
  readonly own: Own;
}

/** An adapter both as it is served and as other tools read it; the two compute the same. */
export interface Adapter extends ServedAdapter {
  /** `adapter_config.json` and the file of its tensors, `adapter_model.safetensors` or the format's name for it. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Trains an adapter further: its published numbers become the parameters' first values. */
export interface Resumption<Settings> {
  /**
   * The settings that the files state; those that they do not state have their defaults. Throws `invalid_delta` for an
   * adapter that has something which no setting trains.
   */
  settings(published: PublishedConfig, model: ModelConfig): Settings;
  /**
   * What determines the meaning of the published numbers, by the name of its setting. Settings with equal facts can read
   * each other's files. Throws like `plan`.
   */
  facts(options: PlanOptions<Settings>): Readonly<Record<string, unknown>>;
  /**
   * The values of the plan's parameters, without gates; publishing them gives the folder's numbers again. The settings have
   * the facts of the folder's. Throws `invalid_delta`, or `invalid_request` with the setting as `param`.
   */
  values(folder: AdapterFolder, options: ResumeOptions<Settings>): Promise<ReadonlyMap<string, Tensor<"f32">>>;
}

/** The part of a published adapter that states its settings. */
export interface PublishedConfig {
  /** `adapter_config.json` */
  readonly config: Readonly<Record<string, unknown>>;
  /** The form of the base during training, which only the manifest records. */
  readonly quantisation?: Quantisation | undefined;
}

export interface ResumeOptions<Settings> extends PlanOptions<Settings> {
  /** The base's weights; only read. */
  readonly weights: Weights;
  /** The first values of a run that starts from the base, for numbers that the files leave out. */
  readonly initial: ReadonlyMap<string, Tensor<"f32">>;
}

/** A layout of adapter files, peft's or AdapterHub's. Methods that share a layout share the object. */
export interface AdapterFormat {
  /** The file of the tensors; `adapter_model.safetensors` by default. */
  readonly weightsFile?: string;
  /** Whether an `adapter_config.json` with these fields has this layout. */
  recognises(config: Readonly<Record<string, unknown>>): boolean;
  /**
   * Ignores nothing: throws `invalid_delta`, naming the field that is unknown or unsupported, or the tensor that is missing,
   * left over, not finite, or of the wrong shape or dtype.
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
  /** Reads a weight, in the layout of `weightSpecs`; called only by formats that need it. */
  readonly weight: (name: string) => Promise<Tensor<"f32">>;
}
