import { type FactEncoder, factError, INEXPRESSIBLE, type PlacedFact } from "./encode-facts.ts";
import type { PromptList, ScorePrompts } from "./score-prompts.ts";

export interface FittingOptions {
  readonly encoder: Pick<FactEncoder, "prompt" | "continuation">;
  /** Ids of the new target. */
  readonly target: readonly number[];
  /** The model's context, in tokens. */
  readonly maxLength: number;
}

/**
 * The prompts behind which both targets fit into the model's context, since a model that cannot be asked would count as wrong, or as
 * unchanged. Made ones that do not fit are left out. Throws `invalid_dataset`, naming the field, for the caller's, and for a true target
 * that the model cannot be asked.
 */
export function fittingPrompts(
  placed: PlacedFact,
  { paraphrases, neighbours }: ScorePrompts,
  { encoder, target, maxLength }: FittingOptions,
): ScorePrompts {
  const { prompt, target_true: known } = placed.fact;
  const tooLong = `has with its target more tokens than the model's context of ${maxLength}`;
  const other = known === undefined ? [] : encoder.continuation(prompt, known);
  if (other === undefined) throw factError(placed, "target_true", INEXPRESSIBLE);
  const room = maxLength - Math.max(target.length, other.length);
  const fits = (text: string) => encoder.prompt(text).length <= room;
  if (!fits(prompt)) throw factError(placed, "target_true", "has with the prompt more tokens than the model's context");
  const fitting = ({ source, texts }: PromptList, field: string): PromptList => {
    const kept = texts.filter((text, at) => {
      if (fits(text)) return true;
      if (source === "given") throw factError(placed, `${field}[${at}]`, tooLong);
      return false;
    });
    return { source: kept.length === 0 && source === "templates" ? "none" : source, texts: kept };
  };
  return { paraphrases: fitting(paraphrases, "paraphrases"), neighbours: fitting(neighbours, "neighbours") };
}
