/**
 * A reporter for vitest that prints nothing: when the clock passes TRIMTAB_CHECK_DEADLINE (milliseconds since 1970) it ends the
 * run, as Ctrl-C would. The test that is running goes on to its end, and the other reporters then report what was reached.
 */

/** vitest's exit status when the deadline ended the run and nothing had failed. */
export const INTERRUPTED = 130;

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

  /** Not before, because a run that has yet to start forgets that it was cancelled. */
  onTestRunStart(): void {
    const left = Number(process.env.TRIMTAB_CHECK_DEADLINE) - Date.now();
    this.#timer = setTimeout(() => void this.#vitest?.cancelCurrentRun("keyboard-input"), Math.max(0, left));
  }

  /** vitest exits with 1 after any run that did not pass, which would say that a test failed. */
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: string): void {
    clearTimeout(this.#timer);
    if (reason === "interrupted" && errors.length === 0 && modules.every((module) => module.ok())) {
      process.exitCode = INTERRUPTED;
    }
  }
}
