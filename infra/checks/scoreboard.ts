/** Runs checks, prints a line for each and counts what they found. */
import type { Outcome, TestRun } from "./programs.ts";
import type { Tally } from "./tally.ts";

export class Scoreboard {
  #passed = 0;
  #failed = 0;
  /** Said again at the end: between a failure and the last line there may be thousands of others. */
  readonly #failures: string[] = [];

  /** Starts a check; when it ends, prints what is wrong, the verdict and how long it took. */
  async run<T extends Tally & Partial<Outcome> & Partial<Pick<TestRun, "failures">>>(
    name: string,
    check: () => T | Promise<T>,
  ): Promise<T> {
    const started = performance.now();
    const outcome = await check();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    this.#passed += outcome.passed;
    this.#failed += outcome.failed;
    for (const failure of outcome.failures ?? []) this.#failures.push(`${name}: ${failure}`);
    if (outcome.output) console.log(outcome.output);
    console.log(`${name.padEnd(12)} ${outcome.failed === 0 ? "ok" : "FAILED"} (${seconds} s)`);
    return outcome;
  }

  /** Prints the tests that failed, then the last line, `N passed, N failed`, and makes the process fail if anything failed. */
  finish(): void {
    for (const failure of this.#failures) console.log(`FAILED ${failure}`);
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    if (this.#failed > 0) process.exitCode = 1;
  }
}
