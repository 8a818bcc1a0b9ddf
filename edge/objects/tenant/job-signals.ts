/**
 * Lets readers of a job's events wait for the next one. Held in memory: if the object is evicted, its readers ask
 * again.
 */
export class JobSignals {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Waits for a job's next event, `waitMs` at the longest. */
  next(job: string, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(job) ?? new Set();
      this.#waiting.set(job, waiting);
      const done = () => {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      waiting.add(done);
    });
  }

  wake(job: string): void {
    for (const done of this.#waiting.get(job) ?? []) done();
    this.#waiting.delete(job);
  }
}
