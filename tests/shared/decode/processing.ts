import { LEADER, type ProcessedRow, type RowState } from "../../../shared/decode/processor.ts";
import { PROCESSORS, type ProcessorName, type SettingsOf } from "../../../shared/decode/registry.ts";

export function rowState(generated: readonly number[] = [], role = LEADER): RowState {
  return { role, prompt: [1, 2, 3], generated };
}

/** The scores that one processor makes of `logits` for a row with these tokens. */
export function processed<N extends ProcessorName>(
  name: N,
  settings: SettingsOf<N>,
  { logits, generated = [] }: { logits: readonly number[]; generated?: readonly number[] },
): number[] {
  const own = Float32Array.from(logits);
  const row: ProcessedRow<unknown> = {
    row: rowState(generated),
    settings,
    scores: Float64Array.from(logits),
    logits: () => own,
  };
  PROCESSORS[name].create().apply([row as never]);
  return [...row.scores];
}

/** Probabilities of scores. */
export function probabilities(scores: readonly number[]): number[] {
  const highest = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - highest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
