import type { Load } from "../serving/deltas.ts";
import type { CeilingRound } from "../workerd-ceiling.ts";

/** One thing done `times` times inside workerd. */
export type ProbeRound = CeilingRound | ArrangeRound | WayRound | DifferRound;

/** Answers with the largest difference between the logits of a probe and those of decoding each candidate. */
export interface DifferRound {
  readonly op: "differ";
  readonly times: 1;
}

/** Puts a row with `tokens` tokens and the deltas of `load` in slot 0, and copies of it, cache and all, in the others. */
export interface ArrangeRound {
  readonly op: "arrange";
  readonly times: 1;
  readonly load: Load;
  readonly tokens: number;
}

/**
 * The ways to learn what `count` candidates for the row's next token would give.
 *
 * `probe`: as `Decoder.probe` does. `singles`: by steps of the row, one after the other. `copies`: the row is copied into as many
 * slots, which take a step together and are cleared. `batch`: that step alone, of rows that are there anyhow.
 */
export const WAYS = ["probe", "singles", "copies", "batch"] as const;
export type Way = (typeof WAYS)[number];

export interface WayRound {
  readonly op: Way;
  readonly times: number;
  readonly count: number;
}

export const COUNTS = [4, 16, 64] as const;
/** One slot for the row, and one for each copy. */
export const SLOTS = 1 + Math.max(...COUNTS);
/** As served. */
export const CHUNK = 32;
