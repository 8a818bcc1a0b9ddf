/** How long a rest lasts at most. A timer also shows the runtime that the work has not ended. */
const LONGEST_MS = 50;

/** Lets a loop stand still while there is nothing to do. */
export class Rest {
  #isDue = false;
  #wake = () => {};

  /** Until `end` is called, or some milliseconds. Not at all where `end` was called since the last rest. */
  async take(): Promise<void> {
    if (!this.#isDue) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        // Not cleared by `end`, which another request may call: the runtime gives each request timers of its own.
        setTimeout(resolve, LONGEST_MS);
      });
    }
    this.#isDue = false;
  }

  end(): void {
    this.#isDue = true;
    this.#wake();
  }
}
