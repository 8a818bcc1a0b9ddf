/** Findings line by line: how many lines, and the first of them. */
export class Findings<T extends { readonly line: number }> {
  readonly #most: number;
  readonly #examples: T[] = [];
  #lines = 0;
  #last: number | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** Findings of one line come one after the other. */
  add(finding: T): void {
    if (finding.line !== this.#last) this.#lines += 1;
    this.#last = finding.line;
    if (this.#examples.length < this.#most) this.#examples.push(finding);
  }

  get lines(): number {
    return this.#lines;
  }

  get examples(): readonly T[] {
    return this.#examples;
  }
}
