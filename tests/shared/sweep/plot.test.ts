import { expect, it } from "vitest";
import { createRandom } from "../../../shared/random.ts";
import type { SweepRun } from "../../../shared/sweep/plan.ts";
import { type PlottedRun, plotSweep } from "../../../shared/sweep/plot.ts";
import { type Sample, summarise } from "../../../shared/sweep/summary.ts";

function plotted(run: Partial<SweepRun>, [perplexity, effect]: readonly [number, number], tokens = 4): PlottedRun {
  const samples = [0, 1].map(
    (prompt): Sample => ({
      prompt,
      text: "",
      tokens: Array.from({ length: tokens }, (_, index) => index),
      baseLogprobs: Array.from({ length: tokens }, () => -Math.log(perplexity) - prompt / 10),
      effect: effect + prompt / 10,
    }),
  );
  const base = { kind: "cell", name: "cell", model: "base", steering: {}, system: null, grid: {} } as const;
  return { run: { ...base, ...run }, statistics: summarise(samples, { seed: 0, name: "x" }) };
}

const cell = (value: number | string, at: readonly [number, number], tokens?: number) =>
  plotted({ grid: { "classifier.0.strength": value } }, at, tokens);

const everything = [
  cell(1, [10, 0.5]),
  cell(4, [20, 0.9]),
  plotted({ kind: "plain", name: "plain" }, [9, 0.4]),
  plotted({ kind: "prompt", name: "prompt" }, [9.5, 0.8]),
  plotted({ kind: "model", name: "ft:<glad>" }, [8, 0.85]),
];
const figure = plotSweep("Steering base", "probability of a < b", everything);

it("has a shape of its own for each kind of run, and says what each means", () => {
  expect(figure.match(/<circle class="dot"/g)).toHaveLength(2);
  // Three baselines and four entries of the legend.
  expect(figure.match(/<path class="dot"/g)).toHaveLength(7);
  for (const text of ["steered", "as it is", "asked by a prompt", "fine-tuned"])
    expect(figure).toContain(`>${text}</text>`);
  const shapes = [...figure.matchAll(/<path class="dot" d="([^"]+)"><title>/g)].map(([, d]) => d!.split("L").length);
  expect(shapes).toEqual([4, 3, 4]);
  expect(figure.match(/class="spread"/g)).toHaveLength(10);
});

it("has both axes labelled, and every dot in words", () => {
  expect(figure).toContain("perplexity under the base (left is more fluent)");
  expect(figure).toContain("effect: probability of a &lt; b");
  expect(figure).toMatch(/<desc id="desc">.*classifier\.0\.strength 4: effect 0\.95 at perplexity 21/);
  expect(figure).toContain("fine-tuned (ft:&lt;glad&gt;): effect 0.9 at perplexity 8.41");
  expect(figure).not.toMatch(/<script|href|url\(|NaN|Infinity|undefined/);
});

it("places dots by effect and perplexity", () => {
  const [first, second] = [...figure.matchAll(/<circle class="dot" cx="([\d.]+)" cy="([\d.]+)"/g)];
  expect(Number(first![1])).toBeLessThan(Number(second![1]));
  expect(Number(first![2])).toBeGreaterThan(Number(second![2]));
});

it("labels cells by their values where there is room, and else by their numbers", () => {
  expect(figure).toContain(">4</text>");
  const long = plotSweep("t", "e", [cell("a".repeat(30), [10, 0.5]), cell("b", [11, 0.6])]);
  expect(long).toContain(">1</text>");
  expect(long).not.toContain(`>${"a".repeat(30)}</text>`);
});

it("finds room for the most that a sweep can have, wherever the dots are", () => {
  for (let seed = 0; seed < 3; seed++) {
    const random = createRandom(seed, "plot");
    const at = (): [number, number] => (seed === 0 ? [10, 0.5] : [1 + 50 * random.float(), random.float()]);
    const cells = Array.from({ length: 64 }, (_, index) => cell(index, at()));
    expect(plotSweep("t", "e", [...cells, ...everything.slice(2)]).match(/<circle/g)).toHaveLength(64);
    const few = Array.from({ length: 24 }, (_, index) => cell(`${index}, ${"9".repeat(9)}`, at()));
    expect(plotSweep("t", "e", [...few, ...everything.slice(2)]).match(/<circle/g)).toHaveLength(24);
  }
});

it("leaves out runs without tokens, and stands empty where no run has any", () => {
  const silent = cell(2, [10, 0.5], 0);
  const some = plotSweep("t", "e", [silent, cell(3, [10, 0.5])]);
  expect(some.match(/<circle class="dot"/g)).toHaveLength(1);
  expect(some).toContain("classifier.0.strength 2: no tokens");
  const none = plotSweep("t", "e", [silent]);
  expect(none).toContain("</svg>");
  expect(none).not.toMatch(/NaN|Infinity/);
});

it("survives perplexities that are all the same, or huge", () => {
  expect(plotSweep("t", "e", [cell(1, [1, 0]), cell(2, [1, 0])])).not.toMatch(/NaN|Infinity/);
  expect(plotSweep("t", "e", [cell(1, [1, 0]), cell(2, [1e200, 1e6])])).not.toMatch(/NaN|Infinity/);
});
