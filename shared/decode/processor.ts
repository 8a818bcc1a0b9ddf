/**
 * A processor changes the distribution that the next token is drawn from. It is a file in `processors/` and a registry row; the
 * sampler and the batch know only what is declared here. The design follows vLLM's `LogitsProcessor`: processors see a whole
 * batch at once and hear about every row that joins, leaves or moves, so that they can keep state for each.
 *
 * Legend: V vocabulary.
 */

import type { Scorer } from "../delta/scorer.ts";

/**
 * A row of the batch: one text being generated, or a companion that lends its logits to one. The object stays the same from
 * when the row joins until it leaves, whatever its place in the batch, so a processor can use it as a key.
 */
export interface RowState {
  /** `leader` if the row's tokens are the text; otherwise the generation's name for the companion. */
  readonly role: string;
  readonly prompt: readonly number[];
  /** The tokens generated so far. Companions are fed the leader's tokens. Grows from step to step. */
  readonly generated: readonly number[];
}

export const LEADER = "leader";

/** Changes to the batch since the last step. Slots are places in the batch, counted from 0. */
export interface BatchChange {
  readonly removed: readonly RowState[];
  readonly added: readonly { readonly row: RowState; readonly slot: number }[];
  readonly moved: readonly { readonly row: RowState; readonly from: number; readonly to: number }[];
}

/** What decoding a token as a row's next one would give. The arrays are views that are valid during the visit only. */
export interface ProbedToken {
  readonly index: number;
  readonly token: number;
  /** [V]: of the token after it. */
  readonly logits: Float32Array;
  /** [D]: the head's input. */
  readonly final: Float32Array;
}

/** How a text's memory, its keys and values, is moved, so that its next token suits a class. */
export interface Perturbation {
  /** The role of the row that judges the text. */
  readonly judge: string;
  readonly scorer: Scorer;
  /** Index of the class. */
  readonly label: number;
  /** Divides the scorer's scores. */
  readonly temperature: number;
  readonly iterations: number;
  readonly stepSize: number;
  /** Exponent of the gradient's norm, by which a step is divided. */
  readonly gamma: number;
  /** Of KL(p̃ ‖ p) in the loss. */
  readonly klScale: number;
  /** How many of the latest positions may change; absent: all. */
  readonly window?: number | undefined;
  /** States [D] of the judge whose mean with its next one is judged, by their sum; absent: the next one alone. */
  readonly before?: { readonly sum: ArrayLike<number>; readonly count: number };
}

export interface Perturbed {
  /** [V]: with the moved memory. */
  readonly logits: Float32Array;
  /** Before each iteration. */
  readonly losses: readonly number[];
}

/** A leader whose next token is about to be chosen. */
export interface ProcessedRow<Settings> {
  readonly row: RowState;
  readonly settings: Settings;
  /**
   * [V]: the scores from which the token is drawn once all processors have run. A processor changes them in place; −∞ rules a
   * token out. At least one token must remain, and no score may become NaN.
   */
  readonly scores: Float64Array;
  /** The model's own logits [V] of this step: the row's, or those of the companion with that role. Read only. */
  readonly logits: (role?: string) => Float32Array;
  /** The head's input [D] of this step, for rows that take it (`RowTakes`). Read only. */
  readonly final: (role?: string) => Float32Array;
  /** The logits [V] that the head gives for the stream after that layer of the row, for layers that it takes. Read only. */
  readonly exit: (layer: number) => Float32Array;
  /** Decodes each token as the next one of the row with that role, in order, and leaves the row as it is. */
  readonly probe: (role: string, tokens: readonly number[], visit: (probed: ProbedToken) => void) => void;
  /**
   * Moves what the row remembers by at most one iteration. Gives the result once all iterations for this token are done;
   * undefined before that: `wait`, and call it again. The row's own keys, values and logits stay as they are.
   */
  readonly perturb: (how: Perturbation) => Perturbed | undefined;
  /**
   * Leaves the row without a token in this step and runs its processors again once `work` has settled; if it rejects, the
   * request ends with its error. Meanwhile all other rows go on.
   */
  readonly wait: (work: Promise<void>) => void;
  /** Records what the processor did in this step, by name; absent unless the request asks for a trace. */
  readonly note?: (facts: Readonly<Record<string, unknown>>) => void;
}

/** What a row keeps of each step besides its logits. */
export interface RowTakes {
  /** The head's input. */
  readonly final?: boolean;
  /**
   * Layers, counted from 0, after which it also takes what the head makes of the residual stream, without the model's last
   * norm. −1 is the embedding.
   */
  readonly exits?: readonly number[];
}

/** One processor at work in one batch. */
export interface Processor<Settings> {
  /** Told of every change before the next step; absent for processors without state. */
  update?(change: BatchChange): void;
  /**
   * `to` goes on from what `from` has come to: its text is the same by now. Copies what the processor keeps of one to the other.
   * Absent where all of it follows from the row's tokens: the row then leaves and joins again.
   */
  fork?(from: RowState, to: RowState): void;
  /** Changes the scores of the rows that use this processor. Called once per step, with all of them. */
  apply(rows: readonly ProcessedRow<Settings>[]): void;
}

/** A registry row. */
export interface ProcessorKind<Settings> {
  /** Whether these settings change nothing; the processor is then not called for the row. */
  isNeutral(settings: Settings): boolean;
  create(): Processor<Settings>;
}
