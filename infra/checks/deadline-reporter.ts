/**
 * A reporter for vitest that prints nothing: when the clock passes TRIMTAB_CHECK_DEADLINE (milliseconds since 1970) it
 * ends the run, as Ctrl-C would. The running test finishes, and the other reporters then report the results so far. A
 * run that is still alive after `GRACE_MS`, because its worker was just starting or the test is long, ends as if by a
 * second Ctrl-C.
 */

/** vitest's exit status when the deadline ended the run and nothing had failed. */
export const INTERRUPTED = 130;

const GRACE_MS = 5_000;

/** The parts of vitest that are used. */
interface Vitest {
  cancelCurrentRun(reason: "keyboard-input"): Promise<void>;
}
interface TestModule {
  ok(): boolean;
}

// biome-ignore lint/style/noDefaultExport: vitest takes a reporter's default export
export default class DeadlineReporter {
  #vitest: Vitest | undefined;
  #timer: NodeJS.Timeout | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  /** Not earlier, because a run that has not started forgets that it was cancelled. */
  onTestRunStart(): void {
    const left = Number(process.env.TRIMTAB_CHECK_DEADLINE) - Date.now();
    this.#cancelAfter(Math.max(0, left));
  }

  #cancelAfter(milliseconds: number): void {
    this.#timer = setTimeout(() => {
      this.#cancelAfter(GRACE_MS);
      // A worker that is just starting cannot be stopped yet; the next attempt succeeds.
      this.#vitest?.cancelCurrentRun("keyboard-input").catch(() => undefined);
    }, milliseconds);
  }

  /** vitest exits with 1 after any run that did not pass, which would say that a test failed. */
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: string): void {
    clearTimeout(this.#timer);
    if (reason === "interrupted" && errors.length === 0 && modules.every((module) => module.ok())) {
      process.exitCode = INTERRUPTED;
    }
  }
}
