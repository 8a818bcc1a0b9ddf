import { expect, test } from "vitest";
import { LineSample } from "../../../../shared/data/inspect/sample.ts";

function sampled(size: number, lines: number): number[] {
  const sample = new LineSample(size);
  for (let line = 1; line <= lines; line++) sample.add(line, "x".repeat(3000), "y");
  expect(sample.lines.every(({ instruction }) => instruction.length === 2000)).toBe(true);
  return sample.lines.map(({ line }) => line);
}

test("LineSample keeps all of few lines, and of many as many from each part, the same every time", () => {
  expect(sampled(10, 4)).toEqual([1, 2, 3, 4]);
  const lines = sampled(500, 10_000);
  expect(lines).toHaveLength(500);
  expect(lines).toEqual([...lines].sort((a, b) => a - b));
  for (let part = 0; part < 4; part++) {
    const inPart = lines.filter((line) => Math.floor((line - 1) / 2500) === part).length;
    expect(inPart).toBeGreaterThan(85);
    expect(inPart).toBeLessThan(165);
  }
  expect(sampled(500, 10_000)).toEqual(lines);
});
