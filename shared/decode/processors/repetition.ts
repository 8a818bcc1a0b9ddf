import type { ProcessorKind, RowState } from "../processor.ts";

interface Seen {
  readonly tokens: Set<number>;
  /** How many of the generated tokens are in `tokens`. */
  counted: number;
}

/**
 * For every token of the prompt and of the text so far, once: score / penalty where the score is positive, score · penalty where
 * it is negative. Above 1 makes repetitions less likely. Keskar et al. 2019, CTRL; as in transformers and vLLM.
 */
export const repetition: ProcessorKind<number> = {
  isNeutral: (penalty) => penalty === 1,
  create() {
    const seen = new Map<RowState, Seen>();
    return {
      update({ removed }) {
        for (const row of removed) seen.delete(row);
      },
      apply(rows) {
        for (const { row, settings: penalty, scores } of rows) {
          for (const token of upToDate(seen, row)) {
            const score = scores[token]!;
            scores[token] = score < 0 ? score * penalty : score / penalty;
          }
        }
      },
    };
  },
};

function upToDate(seen: Map<RowState, Seen>, row: RowState): ReadonlySet<number> {
  const known = seen.get(row) ?? { tokens: new Set(row.prompt), counted: 0 };
  seen.set(row, known);
  for (const token of row.generated.slice(known.counted)) known.tokens.add(token);
  known.counted = row.generated.length;
  return known.tokens;
}
