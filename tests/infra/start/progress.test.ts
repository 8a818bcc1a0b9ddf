import { expect, test } from "vitest";
import { clock, ProgressDisplay, progressLine } from "../../../infra/start/progress.ts";

const HALF = { step: 60, totalSteps: 120, loss: 1.23456, tokensPerSecond: 4839.6, secondsLeft: 34.4 };

test("a line has the bar, the loss, the speed and the time left", () => {
  expect(progressLine(HALF)).toBe("████████████░░░░░░░░░░░░ 60/120  loss 1.235  4,840 tok/s  0:34 left");
  expect(progressLine({ ...HALF, step: 120, secondsLeft: 0 })).toMatch(/^█{24} 120\/120 .* 0:00 left$/);
  expect(progressLine({ ...HALF, step: 0, totalSteps: 0 })).toMatch(/^░{24} 0\/0/);
  expect(progressLine({ ...HALF, secondsLeft: undefined })).toMatch(/ 4,840 tok\/s$/);
});

test("a clock shows minutes and seconds", () => {
  expect([0, 59.6, 65, 3600, -3].map(clock)).toEqual(["0:00", "1:00", "1:05", "60:00", "0:00"]);
});

function display(terminal: { isTTY?: boolean; columns?: number }) {
  const written: string[] = [];
  const clockMs = { now: 0 };
  const output = { ...terminal, write: (text: string) => written.push(text) };
  return { written, clockMs, shown: new ProgressDisplay(output, () => clockMs.now) };
}

test("on a terminal it redraws one line, no wider than the terminal", () => {
  const { written, shown } = display({ isTTY: true, columns: 40 });
  shown.update(HALF);
  shown.message("a warning");
  shown.update({ ...HALF, step: 61 });
  shown.end();
  shown.end();
  const clear = "\r\u001b[K";
  expect(written).toEqual([
    clear + progressLine(HALF).slice(0, 39),
    `${clear}a warning\n`,
    clear + progressLine({ ...HALF, step: 61 }).slice(0, 39),
    "\n",
  ]);
});

test("elsewhere it prints a line every five seconds if there is progress, and always the last one", () => {
  const { written, clockMs, shown } = display({});
  for (const [ms, step] of [
    [0, 1],
    [1000, 20],
    [5000, 60],
    [10_000, 60],
    [10_000, 61],
    [14_999, 119],
    [14_999, 120],
    [20_000, 120],
  ] as const) {
    clockMs.now = ms;
    shown.update({ ...HALF, step });
  }
  shown.end();
  expect(written.map((line) => /(\d+)\/120.*\n$/.exec(line)?.[1])).toEqual(["1", "60", "61", "120"]);
});
