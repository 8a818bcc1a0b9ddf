/** What a run does, as it is kept from its creation on. */
import type { SteeringObject } from "../../../../shared/api/steering.ts";
import type { InputMessages } from "../../../../shared/evals/input-messages.ts";
import type { RuleSource } from "../../../serving/compiled-rules.ts";
import type { EngineTools, Sampling } from "../../../serving/protocol.ts";
import type { RequestedDelta } from "../resolve.ts";

/** What writes samples: an alias is the model that it was when the run was created. */
export interface AskedModel {
  readonly name: string;
  readonly deltas: readonly RequestedDelta[];
  readonly steering?: SteeringObject;
}

export type RunPlan =
  /** The samples came with the items. */
  | { readonly kind: "grade" }
  | {
      readonly kind: "generate";
      readonly asked: AskedModel;
      readonly messages: InputMessages;
      readonly tools?: EngineTools;
      readonly format?: RuleSource;
      readonly sampling: Sampling;
    }
  /** The likelihoods of an item's choices are compared. */
  | { readonly kind: "choose"; readonly asked: AskedModel };

/** Small, since it is read for each item; the source that the request had is kept beside it. */
export interface RunRecord {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly plan: RunPlan;
  /** The model's name as the request had it; empty where nothing writes samples. */
  readonly model: string;
  /** Where the API is reached, such as `https://example.com`. */
  readonly origin: string;
}
