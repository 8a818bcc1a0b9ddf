import type { Rate } from "./limits.ts";

/**
 * Watches that a client keeps moving. `wait` starts the clock, `moved` reports bytes, and `rest` stops the clock while the server is
 * the one that is not ready. `late` is called once, when the client has been silent for too long or too slow on the whole.
 */
export class Pace {
  readonly #rate: Rate;
  readonly #late: () => void;
  #timer: NodeJS.Timeout | undefined;
  #since: number | undefined;
  #waitedMs = 0;
  #bytes = 0;
  #done = false;

  constructor(rate: Rate, late: () => void) {
    this.#rate = rate;
    this.#late = late;
  }

  wait(): void {
    if (this.#done || this.#since !== undefined) return;
    this.#since = performance.now();
    this.#timer ??= setTimeout(() => this.#end(), this.#rate.silenceMs);
    this.#timer.refresh();
  }

  moved(bytes: number): void {
    if (this.#done) return;
    this.#bytes += bytes;
    if (this.#since === undefined) return;
    this.rest();
    if (isTooSlow({ bytes: this.#bytes, waitedMs: this.#waitedMs }, this.#rate)) this.#end();
    else this.wait();
  }

  rest(): void {
    if (this.#since === undefined) return;
    this.#waitedMs += performance.now() - this.#since;
    this.#since = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Ends the watch; nothing is late from then on. */
  stop(): void {
    this.#done = true;
    this.rest();
  }

  #end(): void {
    this.stop();
    this.#late();
  }
}

export function isTooSlow(
  { bytes, waitedMs }: { readonly bytes: number; readonly waitedMs: number },
  { bytesPerSecond, graceMs }: Rate,
): boolean {
  return waitedMs > graceMs + (1000 * bytes) / bytesPerSecond;
}
