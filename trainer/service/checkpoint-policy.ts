/** Time between resume states if the job does not set a number of steps. */
const INTERVAL_MS = 10_000;
/** The largest share of the time spent saving resume states. */
const SHARE = 0.05;

/** Decides after which steps to save a run's state. */
export interface CheckpointPolicy {
  due(step: number): boolean;
  /** Runs `store` and measures how long it takes. */
  timed(store: () => Promise<void>): Promise<void>;
}

/**
 * Saves every `everySteps` steps if that is set; otherwise by time, less often if saving takes long. The timing of saves does
 * not affect the result.
 *
 * @param now milliseconds
 */
export function checkpointPolicy(now: () => number, everySteps?: number): CheckpointPolicy {
  let last = now();
  let interval = INTERVAL_MS;
  return {
    due: (step) => (everySteps === undefined ? now() - last >= interval : step % everySteps === 0),
    async timed(store) {
      const start = now();
      await store();
      last = now();
      interval = Math.max(INTERVAL_MS, (last - start) / SHARE);
    },
  };
}
