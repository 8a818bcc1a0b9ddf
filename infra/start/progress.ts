/** Shows a training job's progress: one redrawn line on a terminal, a new line every few seconds elsewhere. */

export interface TrainingProgress {
  readonly step: number;
  readonly totalSteps: number;
  /** Mean over target tokens, in nats. */
  readonly loss: number;
  readonly tokensPerSecond: number;
  /** undefined until it can be estimated. */
  readonly secondsLeft: number | undefined;
}

export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const BAR_WIDTH = 24;
const PLAIN_EVERY_MS = 5_000;
const CLEAR_LINE = "\r\u001b[K";

/** `████░░░░ 40/120  loss 1.234  1,520 tok/s  0:34 left` */
export function progressLine({ step, totalSteps, loss, tokensPerSecond, secondsLeft }: TrainingProgress): string {
  const done = Math.round((BAR_WIDTH * step) / Math.max(totalSteps, 1));
  const bar = "█".repeat(done) + "░".repeat(BAR_WIDTH - done);
  const rate = Math.round(tokensPerSecond).toLocaleString("en-US");
  const left = secondsLeft === undefined ? "" : `  ${clock(secondsLeft)} left`;
  return `${bar} ${step}/${totalSteps}  loss ${loss.toFixed(3)}  ${rate} tok/s${left}`;
}

/** Minutes and seconds, `1:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export class ProgressDisplay {
  readonly #output: ProgressOutput;
  readonly #now: () => number;
  #shownAt: number | undefined;
  #shownStep: number | undefined;
  #drawn = false;

  constructor(output: ProgressOutput, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  update(progress: TrainingProgress): void {
    const line = progressLine(progress);
    if (this.#output.isTTY) {
      this.#output.write(CLEAR_LINE + line.slice(0, (this.#output.columns ?? 80) - 1));
      this.#drawn = true;
      return;
    }
    if (progress.step === this.#shownStep) return;
    const now = this.#now();
    const due = this.#shownAt === undefined || now - this.#shownAt >= PLAIN_EVERY_MS;
    if (!due && progress.step < progress.totalSteps) return;
    this.#shownAt = now;
    this.#shownStep = progress.step;
    this.#output.write(`${line}\n`);
  }

  /** Prints a line above the bar. */
  message(line: string): void {
    this.#output.write(this.#drawn ? `${CLEAR_LINE}${line}\n` : `${line}\n`);
    this.#drawn = false;
  }

  /** Leaves the bar on the screen and moves to the next line. */
  end(): void {
    if (this.#drawn) this.#output.write("\n");
    this.#drawn = false;
  }
}
