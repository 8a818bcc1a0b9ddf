/**
 * A circuit breaker: after several failures in a row a scorer is left alone for a while, so that its requests fail at once
 * and not at the end of their deadline. Then one call tries it; that call's end decides. Pure: time is passed in.
 */
export interface BreakerState {
  /** Failures since the last success. */
  readonly failures: number;
  /** Milliseconds since 1970 until which no call is let through; 0 while it is closed. */
  readonly openUntil: number;
  /** Until when a call that tries it has the word, so that one which never ends does not lock it for good. */
  readonly tryingUntil: number;
}

export const CLOSED: BreakerState = { failures: 0, openUntil: 0, tryingUntil: 0 };

/** Failures in a row that open it. */
export const TRIP_AFTER = 5;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 120_000;

/**
 * Asks to make a call at `now`, which ends by `deadline`.
 *
 * @returns the state with the call in it, or null where the call is not let through
 */
export function admit(state: BreakerState, now: number, deadline: number): BreakerState | null {
  if (state.openUntil === 0) return state;
  if (now < state.openUntil || now < state.tryingUntil) return null;
  return { ...state, tryingUntil: deadline };
}

export function succeeded(): BreakerState {
  return CLOSED;
}

/** Each failure of a try doubles the pause. Calls that had begun before it opened, and fail after, add nothing. */
export function failed(state: BreakerState, now: number): BreakerState {
  if (now < state.openUntil) return state;
  const failures = state.failures + 1;
  if (failures < TRIP_AFTER) return { failures, openUntil: 0, tryingUntil: 0 };
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures - TRIP_AFTER, 30), LONGEST_PAUSE_MS);
  return { failures, openUntil: now + pause, tryingUntil: 0 };
}

/** A call that ended without saying anything about the scorer gives the word back. */
export function withdrawn(state: BreakerState): BreakerState {
  return { ...state, tryingUntil: 0 };
}
