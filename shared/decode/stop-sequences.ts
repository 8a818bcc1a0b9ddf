/**
 * Watches generated text for stop sequences and holds back what may turn out to be the start of one, so that no part of a stop
 * sequence is ever sent. `push` and `flush` mutate it.
 */
export class StopSequences {
  readonly #sequences: readonly string[];
  #held = "";

  constructor(sequences: readonly string[]) {
    this.#sequences = sequences;
  }

  /** Takes more text; returns what may be sent and whether a stop sequence ended it. */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    const pending = this.#held + text;
    const found = this.#sequences.map((sequence) => pending.indexOf(sequence)).filter((at) => at >= 0);
    if (found.length > 0) {
      this.#held = "";
      return { text: pending.slice(0, Math.min(...found)), stopped: true };
    }
    const kept = Math.max(0, ...this.#sequences.map((sequence) => overlap(pending, sequence)));
    this.#held = pending.slice(pending.length - kept);
    return { text: pending.slice(0, pending.length - kept), stopped: false };
  }

  /** What was held back, once no more text will come. */
  flush(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }
}

/** The length of the longest proper prefix of `sequence` that `text` ends with. */
function overlap(text: string, sequence: string): number {
  for (let length = Math.min(text.length, sequence.length - 1); length > 0; length--) {
    if (text.endsWith(sequence.slice(0, length))) return length;
  }
  return 0;
}
