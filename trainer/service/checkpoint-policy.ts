/** Between two resume states where the job does not count in steps. */
const INTERVAL_MS = 10_000;
/** Storing resume states takes at most this share of the time. */
const SHARE = 0.05;

/** Decides after which steps a run's state is stored. */
export interface CheckpointPolicy {
  due(step: number): boolean;
  /** Runs `store` and takes its length into account. */
  timed(store: () => Promise<void>): Promise<void>;
}

/**
 * Every `everySteps` steps where that is set; else by time, further apart where a state takes long to store. When states
 * are stored has no influence on the result.
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
