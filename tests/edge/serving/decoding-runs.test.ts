import { expect, it } from "vitest";
import type { WeightSet } from "../../../edge/runtime/weight-set.ts";
import { decodingRuns } from "../../../edge/serving/decoding-runs.ts";

const [BASE, TUNED] = [{}, {}] as [WeightSet, WeightSet];

/** One letter a row: b and t decode with the base's and the tuned weights, B and T have no token pending. */
function runsOf(letters: string): string[] {
  const rows = [...letters].map((letter) => ({
    letter,
    work: { weights: letter.toLowerCase() === "b" ? BASE : TUNED },
    isDecoding: letter === letter.toLowerCase(),
  }));
  return decodingRuns(rows).map(({ first, rows: run }) => `${first}:${run.map(({ letter }) => letter).join("")}`);
}

it.each([
  ["", []],
  ["BBT", []],
  ["bbb", ["0:bbb"]],
  ["BbBbB", ["1:bBb"]],
  ["bbttb", ["0:bb", "2:tt", "4:b"]],
  ["BbTTtTb", ["1:b", "4:t", "6:b"]],
])("runs of %j are %j", (letters, expected) => {
  expect(runsOf(letters)).toEqual(expected);
});
