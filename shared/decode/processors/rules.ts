import { type CompiledRule, notAllowed, type RuleState } from "../../rules/rule.ts";
import type { ProcessedRow, ProcessorKind, RowState } from "../processor.ts";

export interface RuleSettings {
  /** null: any text. */
  readonly rule: CompiledRule | null;
  /** Tokens that the text may have, so that required phrases are forced before they run out. */
  readonly maxTokens?: number;
}

interface Progress {
  readonly state: RuleState;
  /** How many of the generated tokens the state has taken. */
  taken: number;
}

/**
 * Rules out the tokens after which the text could not follow the rule to its end any more: the end tokens too while it is not
 * whole. The tokens that remain keep their scores; where other processors ruled them all out, they get the model's own back.
 */
export const rules: ProcessorKind<RuleSettings> = {
  isNeutral: ({ rule }) => rule === null,
  create() {
    const rows = new Map<RowState, Progress>();
    return {
      update({ removed }) {
        for (const row of removed) rows.delete(row);
      },
      apply(processed) {
        for (const row of processed) {
          const { rule, maxTokens = Number.POSITIVE_INFINITY } = row.settings;
          if (rule !== null) restrict(row, upToDate(rows, row.row, rule).mask(maxTokens - row.row.generated.length));
        }
      },
    };
  },
};

function upToDate(rows: Map<RowState, Progress>, row: RowState, rule: CompiledRule): RuleState {
  const progress = rows.get(row) ?? { state: rule.start(), taken: 0 };
  rows.set(row, progress);
  for (; progress.taken < row.generated.length; progress.taken++) {
    const token = row.generated[progress.taken]!;
    if (!progress.state.accept(token)) throw notAllowed(token);
  }
  return progress.state;
}

/** Goes through the mask [V bits] word by word, since most words rule out 32 tokens, or none. */
function restrict(row: ProcessedRow<RuleSettings>, mask: Uint32Array): void {
  const { scores } = row;
  const size = scores.length;
  let allowed = 0;
  let isAnyFinite = false;
  for (let from = 0; from < size; from += 32) {
    const word = mask[from >>> 5] ?? 0;
    const end = Math.min(from + 32, size);
    if (word === 0) {
      scores.fill(Number.NEGATIVE_INFINITY, from, end);
      continue;
    }
    for (let token = from; token < end; token++) {
      if ((word & (1 << (token & 31))) === 0) scores[token] = Number.NEGATIVE_INFINITY;
      else {
        allowed++;
        isAnyFinite ||= scores[token]! > Number.NEGATIVE_INFINITY;
      }
    }
  }
  if (!isAnyFinite) restore(row, mask);
  row.note?.({ rules: { allowed, masked: size - allowed } });
}

function restore({ scores, logits }: ProcessedRow<RuleSettings>, mask: Uint32Array): void {
  const own = logits();
  for (let token = 0; token < scores.length; token++) {
    if (((mask[token >>> 5] ?? 0) & (1 << (token & 31))) !== 0) scores[token] = own[token]!;
  }
}
