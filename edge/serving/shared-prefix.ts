import type { RowDeltas } from "../runtime/serving-delta.ts";

/** Something that holds a prompt's states, or will. */
export interface PrefixHolder {
  readonly stateKey: string;
  readonly prompt: readonly number[];
}

export interface SharingRow extends PrefixHolder {
  readonly deltas: Pick<RowDeltas, "prefixTokens" | "virtualTokens">;
  /** What of its prompt it must compute itself, for states that are not kept with a prompt; a number: from that token on. */
  readonly computes: "none" | "last" | "all" | number;
}

/**
 * How many positions a row can take over because they equal a holder's; 0 if it can share nothing.
 *
 * The whole prompt if both prompts are equal. Otherwise a whole number of chunks, and never the last token, whose logits are
 * needed: the row then prefills the rest in the same chunks as it would alone, and gets the same numbers to the last bit.
 */
export function sharedPositions(row: SharingRow, holder: PrefixHolder, chunk: number): number {
  if (row.stateKey !== holder.stateKey || row.computes === "all") return 0;
  const { prefixTokens, virtualTokens } = row.deltas;
  const common = commonPrefix(row.prompt, holder.prompt);
  const end = virtualTokens + row.prompt.length;
  const isEqual = common === row.prompt.length && common === holder.prompt.length;
  if (isEqual && row.computes === "none") return prefixTokens + end;
  const most = typeof row.computes === "number" ? virtualTokens + row.computes : end - 1;
  const whole = Math.floor(Math.min(virtualTokens + common, most, end - 1) / chunk) * chunk;
  return whole === 0 ? 0 : prefixTokens + whole;
}

/** The number of equal tokens from the start. */
export function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const shorter = Math.min(a.length, b.length);
  let length = 0;
  while (length < shorter && a[length] === b[length]) length++;
  return length;
}
