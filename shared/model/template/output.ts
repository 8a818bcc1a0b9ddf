/**
 * The text that a template writes.
 */
import type { Budget } from "./budget.ts";

export class Output {
  readonly #parts: string[] = [];
  readonly #budget: Budget;
  #length = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get length(): number {
    return this.#length;
  }

  write(text: string): void {
    this.#length += text.length;
    if (this.#length > this.#budget.maxSize) this.#budget.make(this.#length);
    this.#budget.read(text.length);
    this.#parts.push(text);
  }

  text(): string {
    return this.#parts.join("");
  }
}
