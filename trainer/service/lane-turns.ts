import { DEFAULT_LANE, type Lane } from "../../shared/api/lanes.ts";

/** The longest that a job waits at a time: a stream of edits slows training down, and never stops it. */
const LONGEST_WAIT_MS = 5_000;

/**
 * Whose turn it is in a process that serves several lanes. They share one thread and the processor's cores, and an edit is many short
 * computations, each of which would wait for a whole step of training. So a job of the default lane gives way between its steps while a
 * job of another lane runs.
 */
export class LaneTurns {
  #shortJobs = 0;
  readonly #waiting = new Set<() => void>();

  /** Runs a job of a lane. */
  async run<T>(lane: Lane, job: () => Promise<T>): Promise<T> {
    if (lane === DEFAULT_LANE) return await job();
    this.#shortJobs += 1;
    try {
      return await job();
    } finally {
      this.#shortJobs -= 1;
      if (this.#shortJobs === 0) for (const go of [...this.#waiting]) go();
    }
  }

  /** Waits while jobs of other lanes run, for a job of this lane; not for long, and not once `stop` aborts. */
  async giveWay(lane: Lane, stop: AbortSignal): Promise<void> {
    if (lane !== DEFAULT_LANE || this.#shortJobs === 0 || stop.aborted) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        clearTimeout(timer);
        stop.removeEventListener("abort", go);
        this.#waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, LONGEST_WAIT_MS);
      stop.addEventListener("abort", go);
      this.#waiting.add(go);
    });
  }
}
