/**
 * A processor changes what the next token is drawn from. It is a file in `processors/` and a row of the registry; the
 * sampler and the batch know only what stands here. The design is that of vLLM's `LogitsProcessor`: processors see a whole
 * batch at once and hear about every row that joins, leaves or moves, so that they may keep state for each.
 *
 * Legend: V vocabulary.
 */

/**
 * A row of the batch: one text under generation, or a companion that lends its logits to one. The object stays the same
 * from the moment the row joins until it leaves, wherever in the batch it lies, so a processor may use it as a key.
 */
export interface RowState {
  /** `leader` where the row's tokens are the text; otherwise what the generation calls the companion. */
  readonly role: string;
  readonly prompt: readonly number[];
  /** The tokens generated so far. Companions are fed the leader's tokens. Grows from step to step. */
  readonly generated: readonly number[];
}

export const LEADER = "leader";

/** What happened to the batch since the last step. Slots are places in the batch, counted from 0. */
export interface BatchChange {
  readonly removed: readonly RowState[];
  readonly added: readonly { readonly row: RowState; readonly slot: number }[];
  readonly moved: readonly { readonly row: RowState; readonly from: number; readonly to: number }[];
}

/** A leader that is about to get its next token. */
export interface ProcessedRow<Settings> {
  readonly row: RowState;
  readonly settings: Settings;
  /**
   * [V]: what the token is drawn from once all processors have run. A processor changes it in place; −∞ rules a token out.
   * At least one token must stay, and none may become NaN.
   */
  readonly scores: Float64Array;
  /** The model's own logits [V] of this step: the row's, or those of the companion with that role. Read only. */
  readonly logits: (role?: string) => Float32Array;
}

/** One processor at work in one batch. */
export interface Processor<Settings> {
  /** Told of every change before the step that follows it; left out by processors without state. */
  update?(change: BatchChange): void;
  /** Changes the scores of rows that ask for this processor. Called once a step, with all of them. */
  apply(rows: readonly ProcessedRow<Settings>[]): void;
}

/** A row of the registry. */
export interface ProcessorKind<Settings> {
  /** Whether these settings change nothing: the processor is then not called for the row at all. */
  isNeutral(settings: Settings): boolean;
  create(): Processor<Settings>;
}
