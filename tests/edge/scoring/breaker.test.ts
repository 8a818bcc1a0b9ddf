import { expect, it } from "vitest";
import {
  admit,
  type BreakerState,
  CLOSED,
  failed,
  succeeded,
  TRIP_AFTER,
  withdrawn,
} from "../../../edge/scoring/breaker.ts";

const fails = (state: BreakerState, times: number, now: number) =>
  Array.from({ length: times }).reduce<BreakerState>((before) => failed(before, now), state);

it("lets calls through until enough have failed in a row", () => {
  const almost = fails(CLOSED, TRIP_AFTER - 1, 100);
  expect(admit(almost, 100, 200)).toEqual(almost);
  expect(admit(failed(almost, 100), 100, 200)).toBeNull();
  expect(fails(succeeded(), TRIP_AFTER - 1, 100).openUntil).toBe(0);
});

it("then lets one call try, whose success closes it and whose failure doubles the pause", () => {
  const open = fails(CLOSED, TRIP_AFTER, 0);
  expect(admit(open, open.openUntil - 1, 9e9)).toBeNull();
  const trying = admit(open, open.openUntil, open.openUntil + 1_000)!;
  expect(admit(trying, open.openUntil + 999, 9e9)).toBeNull();
  expect(succeeded()).toEqual(CLOSED);
  const again = failed(trying, open.openUntil);
  expect(again.openUntil - open.openUntil).toBe(2 * open.openUntil);
});

it("never pauses for longer than two minutes", () => {
  let state = fails(CLOSED, TRIP_AFTER, 0);
  for (let round = 0; round < 100; round++) {
    const now = state.openUntil;
    state = failed(state, now);
    expect(state.openUntil - now).toBeLessThanOrEqual(120_000);
  }
  expect(state.failures).toBe(TRIP_AFTER + 100);
});

it("counts no failure of a call that had begun before it opened", () => {
  const open = fails(CLOSED, TRIP_AFTER, 0);
  expect(failed(open, open.openUntil - 1)).toEqual(open);
});

it("gives the word back when the call that tries is withdrawn, or never ends", () => {
  const open = fails(CLOSED, TRIP_AFTER, 0);
  const trying = admit(open, open.openUntil, open.openUntil + 500)!;
  expect(admit(withdrawn(trying), open.openUntil, 9e9)).not.toBeNull();
  expect(admit(trying, open.openUntil + 500, 9e9)).not.toBeNull();
});
