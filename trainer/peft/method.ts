import type { ArtefactKind } from "../../shared/api/artefacts.ts";
import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Value } from "../../shared/graph/graph.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { LinearRewrite } from "../../shared/model/forward.ts";
import type { ModelFiles } from "../../shared/model/model-folder.ts";
import type { BatchShape } from "../../shared/model/training-forward.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { Parameter } from "../optim/adamw.ts";

/**
 * A way to train part of a model. A method is a folder beside this file with one row in `registry.ts`; the recipes, the
 * loop and the service know only what stands here.
 */
export interface PeftMethod<Settings> {
  /**
   * Decides what is trained, and its first values: a pure function of its arguments.
   * Throws `invalid_request`, with the setting as `param`, when the settings do not fit the model.
   */
  attach(options: AttachOptions<Settings>): AttachedMethod;
  /** The result as files: equal arguments give equal bytes. */
  publish(options: PublishOptions<Settings>): Promise<ResultFolder>;
}

export interface AttachOptions<Settings> {
  readonly config: ModelConfig;
  /** The base's weights; only read. */
  readonly weights: Weights;
  readonly settings: Settings;
  readonly seed: number;
}

/** A method on one model. */
export interface AttachedMethod {
  /** Everything that training changes. A base weight among them, by its own name, is no longer frozen. */
  readonly parameters: readonly Parameter[];
  /** The first value of each parameter. */
  readonly initial: ReadonlyMap<string, Tensor<"f32">>;
  /** How the linear layers of the forward pass change; left out where they do not. */
  readonly rewrite?: (context: RewriteContext) => LinearRewrite;
  /** What the training graph takes besides data and parameters, drawn anew for every micro-batch. */
  readonly randomInputs: (shape: BatchShape) => readonly RandomInput[];
}

export interface RewriteContext {
  readonly b: GraphBuilder;
  /** The graph input of one of the method's parameters. */
  readonly parameter: (name: string) => Value;
  /** False in an evaluation graph, which has no random inputs. */
  readonly training: boolean;
}

/** A u8 input of ones and zeros: an element is 0 with the given probability. */
export interface RandomInput {
  readonly name: string;
  readonly shape: readonly number[];
  readonly probability: number;
}

export interface PublishOptions<Settings> {
  readonly config: ModelConfig;
  readonly settings: Settings;
  /** The trained value of each parameter. */
  readonly values: ReadonlyMap<string, Tensor>;
  /** The base's Hugging Face folder. */
  readonly base: { readonly id: string; readonly digest: string; readonly files: ModelFiles };
  /** SHA-256 of the datasets, hexadecimal. */
  readonly dataDigests: readonly string[];
  /** Numbers that the same run gives every time. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Unix seconds of the job's creation. */
  readonly createdAt: number;
}

/** A finished result: the files of a delta, or of a whole model. */
export interface ResultFolder {
  readonly kind: ArtefactKind;
  readonly files: ReadonlyMap<string, Uint8Array>;
}
