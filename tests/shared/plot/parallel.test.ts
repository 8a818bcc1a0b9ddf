import { expect, it } from "vitest";
import { drawParallel } from "../../../shared/plot/parallel.ts";

const head = { id: "p", title: "T", description: "D" };

it("draws a line for each run through its place on every axis, the marked one last", () => {
  const svg = drawParallel({
    ...head,
    axes: ["hyperparameters.learning_rate", "kind", "loss"],
    runs: [
      { label: "best", values: [0.001, "a", 1], marked: true },
      { label: "mid", values: [0.01, "b", 2] },
      { label: "worst", values: [0.1, "a", 3] },
    ],
  });
  const lines = [...svg.matchAll(/<path class="line"[^>]* d="M([^"]+)"><title>(\w+)/g)].map(([, d, name]) => ({
    name,
    ys: d!.split("L").map((point) => Number(point.split(" ")[1])),
  }));
  expect(lines.map(({ name }) => name)).toEqual(["mid", "worst", "best"]);
  const [mid, worst, best] = lines;
  // The first axis is logarithmic: the middle rate lies in its middle.
  expect(mid!.ys[0]! * 2).toBeCloseTo(best!.ys[0]! + worst!.ys[0]!, 0);
  expect(best!.ys[1]).toBe(worst!.ys[1]);
  expect(mid!.ys[1]).not.toBe(best!.ys[1]);
  expect(svg).toContain(">learning_rate<");
});

it("draws runs that agree in a setting, and none at all", () => {
  expect(drawParallel({ ...head, axes: ["r"], runs: [{ label: "a", values: [2] }] })).not.toContain("NaN");
  expect(drawParallel({ ...head, axes: ["r"], runs: [] })).not.toContain("NaN");
});
