import { describe, expect, it } from "vitest";
import type { Unit } from "../../../../trainer/data/units.ts";
import { REFERENCE } from "../../../../trainer/recipes/objective.ts";
import { mismatchedLines, withDivergence } from "../../../../trainer/recipes/preferences/unpaired-unit.ts";

const dataset = (lines: readonly object[]) => ({
  name: "k.jsonl",
  digest: "",
  bytes: new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join("")),
});

describe("mismatchedLines", () => {
  it("puts the completion of the line before behind each prompt, the last one's behind the first", () => {
    const line = (n: number, label: boolean) => ({ prompt: `p${n}`, completion: `c${n}`, label });
    const lines = [...mismatchedLines(dataset([line(1, true), line(2, false), line(3, true)]))];
    const completion = (prompt: string, completion: string) => ({ kind: "completion", prompt, completion });
    expect(lines).toEqual([
      { line: 1, examples: [completion("p1", "c1"), completion("p1", "c3")], columns: { desirable: 1 } },
      { line: 2, examples: [completion("p2", "c2"), completion("p2", "c1")], columns: { desirable: 0 } },
      { line: 3, examples: [completion("p3", "c3"), completion("p3", "c2")], columns: { desirable: 1 } },
    ]);
  });
});

describe("withDivergence", () => {
  const example = (id: number, reference: number) => ({
    ids: Int32Array.of(1, id),
    labels: Int32Array.of(-100, id),
    columns: { [REFERENCE]: Float32Array.of(0, reference) },
  });
  /** Units whose mismatched completion has the given log-probability under the reference. */
  const units = (references: readonly number[]): Unit[] =>
    references.map((reference, u) => ({
      examples: [example(5, -1), example(6 + u, reference)],
      columns: { desirable: u === 0 ? 1 : 0 },
    }));
  const refresh = async (references: readonly number[], scores: readonly number[]) => {
    const seen: Unit[] = [];
    const refresher = withDivergence({
      logProbabilities: async (given) => {
        seen.push(...given);
        return given.map((_, u) => [Float32Array.of(0, scores[u]!)]);
      },
    });
    const made = await refresher({
      units: units(references),
      values: new Map(),
      state: {} as never,
      purpose: "training",
    });
    return { made, seen };
  };

  it("is the mean log-ratio of the mismatched completions, which leave the units", async () => {
    const { made, seen } = await refresh([-3, -2, -4], [-1, -2, -3]);
    expect(seen.map(({ examples }) => examples.map(({ ids }) => ids[1]))).toEqual([[6], [7], [8]]);
    expect(made.map(({ examples }) => examples.map(({ ids }) => ids[1]))).toEqual([[5], [5], [5]]);
    expect(made.map(({ columns }) => columns)).toEqual([
      { desirable: 1, kl: 1, chosen_share: 1, rejected_share: 0 },
      { desirable: 0, kl: 1, chosen_share: 0, rejected_share: 0.5 },
      { desirable: 0, kl: 1, chosen_share: 0, rejected_share: 0.5 },
    ]);
  });

  it("is at least 0", async () => {
    const { made } = await refresh([-1, -1], [-3, -2]);
    expect(made.map(({ columns }) => columns!.kl)).toEqual([0, 0]);
  });
});
