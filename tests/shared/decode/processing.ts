import { LEADER, type ProcessedRow, type RowState } from "../../../shared/decode/processor.ts";
import { PROCESSORS, type ProcessorName, type SettingsOf } from "../../../shared/decode/registry.ts";

export function rowState(generated: readonly number[] = [], role = LEADER): RowState {
  return { role, prompt: [1, 2, 3], generated };
}

type Given<Settings> = Pick<ProcessedRow<Settings>, "settings" | "scores"> & Partial<ProcessedRow<Settings>>;

/** A row as a processor sees it. What the test does not give throws when a processor asks for it. */
export function processedRow<Settings>(given: Given<Settings>): ProcessedRow<Settings> {
  const missing = (what: string) => () => {
    throw new Error(`this test gives no ${what}`);
  };
  return {
    row: rowState(),
    logits: missing("logits"),
    final: missing("final"),
    exit: missing("exit"),
    probe: missing("probe"),
    perturb: missing("perturbation"),
    wait: missing("wait"),
    ...given,
  };
}

/** The scores that one processor makes of `logits` for a row with these tokens. */
export function processed<N extends ProcessorName>(
  name: N,
  settings: SettingsOf<N>,
  { logits, generated = [] }: { logits: readonly number[]; generated?: readonly number[] },
): number[] {
  const own = Float32Array.from(logits);
  const row = processedRow<unknown>({
    row: rowState(generated),
    settings,
    scores: Float64Array.from(logits),
    logits: () => own,
  });
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
