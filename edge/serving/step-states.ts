/** What a row knows after a step. */
export interface StepStates {
  /** [V] */
  readonly logits: Float32Array;
  /** [D]: the head's input. */
  readonly final: Float32Array;
  /** [V] by layer: the head's logits after it. */
  readonly exits: ReadonlyMap<number, Float32Array>;
}
