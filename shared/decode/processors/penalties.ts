import type { ProcessorKind, RowState } from "../processor.ts";

export interface Penalties {
  /** Subtracted once from the score of every token generated so far. */
  readonly presence: number;
  /** Subtracted once for every time the token was generated. */
  readonly frequency: number;
}

interface Counts {
  readonly ofToken: Map<number, number>;
  /** How many of the generated tokens are counted. */
  counted: number;
}

/** score −= presence + count · frequency for tokens generated so far, as OpenAI does; the prompt does not count. */
export const penalties: ProcessorKind<Penalties> = {
  isNeutral: ({ presence, frequency }) => presence === 0 && frequency === 0,
  create() {
    const counts = new Map<RowState, Counts>();
    return {
      update({ removed }) {
        for (const row of removed) counts.delete(row);
      },
      apply(rows) {
        for (const { row, settings, scores } of rows) {
          const { ofToken } = upToDate(counts, row);
          for (const [token, count] of ofToken) scores[token]! -= settings.presence + count * settings.frequency;
        }
      },
    };
  },
};

function upToDate(counts: Map<RowState, Counts>, row: RowState): Counts {
  const known = counts.get(row) ?? { ofToken: new Map(), counted: 0 };
  counts.set(row, known);
  for (const token of row.generated.slice(known.counted)) known.ofToken.set(token, (known.ofToken.get(token) ?? 0) + 1);
  known.counted = row.generated.length;
  return known;
}
