/** The sum of a row's states after each token of a text. */
export class StateSum {
  /** [D]; empty before the first token. */
  sum: Float64Array = new Float64Array();
  /** How many states it has. */
  count = 0;

  /** Adds the state after the last of `tokens` tokens, unless it has it already: a step may be taken more than once. */
  follow(tokens: number, state: () => Float32Array): void {
    if (tokens <= this.count) return;
    const added = state();
    if (this.count === 0) this.sum = new Float64Array(added.length);
    for (let d = 0; d < added.length; d++) this.sum[d]! += added[d]!;
    this.count = tokens;
  }
}
