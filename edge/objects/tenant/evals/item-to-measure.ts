import type { EvalSample } from "../../../../shared/api/eval-runs.ts";
import type { Criterion } from "../../../../shared/evals/criteria.ts";
import type { ModelAnswer, Question } from "../../../../shared/graders/kind.ts";
import type { BegunGeneration } from "../../../asking/generation.ts";
import type { RuleSource } from "../../../serving/compiled-rules.ts";
import type { AskedOfPrompts, GeneratePrompt, Sampling } from "../../../serving/protocol.ts";
import type { AskedModel, RunPlan } from "./run-record.ts";

export interface ItemRequest {
  readonly prompt: GeneratePrompt;
  readonly sampling: Sampling;
  readonly format?: RuleSource | undefined;
  readonly ofPrompts?: AskedOfPrompts;
}

/** How models are asked. Both throw TrimtabError. */
export interface ItemModels {
  readonly begin: (asked: AskedModel, request: ItemRequest) => Promise<BegunGeneration>;
  readonly ask: (question: Question) => Promise<ModelAnswer>;
}

export interface ItemToMeasure {
  readonly plan: RunPlan;
  readonly criteria: readonly Criterion[];
  /** As the run shows it. */
  readonly model: string;
  readonly item: Readonly<Record<string, unknown>>;
  readonly given: Readonly<Record<string, unknown>> | null;
  /** Of a run's place in its source, for errors. */
  readonly place: number;
}

export const EMPTY_SAMPLE: EvalSample = {
  input: [],
  output: [],
  finish_reason: "",
  model: "",
  usage: { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0, total_tokens: 0 },
  error: null,
  temperature: null,
  top_p: null,
  seed: null,
  max_completion_tokens: null,
};
