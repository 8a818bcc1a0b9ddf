/**
 * A part of the `steering` object: one way to change what a model says while it says it. A part is one file and one registry row.
 * Its schema is the request's; `plan` turns what was asked into rows of the batch and into the settings of its processor.
 */
import type { z } from "zod";
import type { Scorer } from "../../delta/scorer.ts";
import type { ProcessorKind, RowTakes } from "../processor.ts";

/** A model that a part names: a base, a tuned model, a delta or an alias. The tenant resolves it before decoding. */
export interface Reference {
  /** Where the steering object names it, such as `experts[0].id`; the plan refers to it by this. */
  readonly at: string;
  readonly id: string;
  /** w in W + w ΔW, where it is a delta. */
  readonly weight: number;
  /** `classifier`: it must have a scoring head. */
  readonly kind: "model" | "classifier";
}

/** A row that runs beside the text and lends its logits. It is fed the tokens of the text. */
export interface CompanionRow extends RowTakes {
  /** By which processors know it; unique in the generation. */
  readonly role: string;
  /** Whose weights and deltas it has: those of the request, the bare base's, or those of a `Reference`. */
  readonly model: "own" | "base" | { readonly at: string };
  readonly prompt: CompanionPrompt;
}

/** What stands before the text in a companion row. */
export type CompanionPrompt =
  /** What the leader has. */
  | { readonly kind: "own" }
  /** The conversation without its system messages, or without the messages with that name. */
  | { readonly kind: "without"; readonly message: "system" | { readonly name: string } }
  /** The conversation with this system message in place of its own; of a completion, this text. null: the prompt's last token. */
  | { readonly kind: "instead"; readonly text: string | null }
  /** These tokens, and nothing of the prompt: for what judges the text alone. */
  | { readonly kind: "tokens"; readonly ids: readonly number[] };

/** What a plan may read of the model. */
export interface PlanContext {
  readonly vocabSize: number;
  readonly layers: number;
  /** Whether the head is the embedding. */
  readonly tiedHead: boolean;
  readonly hasChat: boolean;
  /** The scoring head of a reference of kind `classifier`. */
  readonly scorer: (at: string) => Scorer;
  /** Whether two models are the same one: equal weights and equal deltas. */
  readonly same: (a: CompanionRow["model"], b: CompanionRow["model"]) => boolean;
  /** Tokens of a text, as a reply's text is encoded. */
  readonly encode: (text: string) => readonly number[];
}

export interface PartPlan<Settings> {
  readonly settings: Settings;
  readonly companions?: readonly CompanionRow[];
  /** What the leader keeps of each step. */
  readonly takes?: RowTakes;
  /** The role of the companion by which its processor perturbs the text's memory. */
  readonly perturbedBy?: string;
}

export interface SteeringPart<Asked, Settings> {
  /** The part of the request under its name, every bound stated, defaults filled in. */
  readonly schema: z.ZodType<Asked>;
  /** Whether what was asked changes nothing: the part is then left out, and no row runs for it. */
  isNeutral(asked: Asked): boolean;
  readonly references?: (asked: Asked) => readonly Reference[];
  /** Throws `invalid_request` for what does not fit the model, with a `param` from the part on, such as `contrastive.amateur`. */
  plan(asked: Asked, context: PlanContext): PartPlan<Settings>;
  readonly processor: ProcessorKind<Settings>;
}

/** Keeps the types of a part and names its schema's. */
export function steeringPart<Asked, Settings>(part: SteeringPart<Asked, Settings>): SteeringPart<Asked, Settings> {
  return part;
}
