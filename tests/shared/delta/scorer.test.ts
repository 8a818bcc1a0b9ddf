import { describe, expect, test } from "vitest";
import { parseScorerAbout, type ScorerAbout } from "../../../shared/delta/scorer.ts";

const whole: ScorerAbout = {
  labels: ["negative", "positive"],
  lead: [1],
  prior: [0.25, 0.75],
  temperatures: { lookahead: 1.5, class_rows: 2, token_values: 0.5 },
  class_rows: { control: [[2, 3], [4]], scale: 10, bias: [0, 0.5] },
};
const parse = (about: unknown) => parseScorerAbout(JSON.stringify(about), "the metadata");

describe("what a scorer says of itself", () => {
  test("is read whole, with all or with few of its ways", () => {
    expect(parse(whole)).toEqual(whole);
    const reward = { labels: ["reward"], lead: [], temperatures: {} };
    expect(parse(reward)).toEqual(reward);
  });

  test.each<[string, unknown, string]>([
    ["no class", { ...whole, labels: [] }, "the metadata: labels must not be empty"],
    ["33 classes", { ...whole, labels: Array.from({ length: 33 }, (_, n) => `${n}`) }, "labels must have at most 32"],
    ["two classes of one name", { ...whole, labels: ["same", "same"] }, "labels must differ from each other"],
    ["a prior for one of two classes", { ...whole, prior: [1] }, "prior must have 2 entries"],
    ["a prior above 1", { ...whole, prior: [0.5, 0.6] }, "prior must add up to 1"],
    ["a temperature of 0", { ...whole, temperatures: { ...whole.temperatures, lookahead: 0 } }, "lookahead"],
    ["an unknown way", { ...whole, temperatures: { ...whole.temperatures, guess: 1 } }, "guess"],
    ["rows without a temperature", { ...whole, temperatures: { lookahead: 1 } }, "must have class_rows exactly where"],
    ["a temperature without rows", { ...whole, class_rows: undefined }, "must have class_rows exactly where"],
    [
      "control ids for one of two classes",
      { ...whole, class_rows: { ...whole.class_rows, control: [[1]] } },
      "class_rows.control must have 2 entries",
    ],
    [
      "a class without control ids",
      { ...whole, class_rows: { ...whole.class_rows, control: [[1], []] } },
      "class_rows.control[1] must not be empty",
    ],
    ["a negative id", { ...whole, lead: [-1] }, "lead[0] must be"],
    ["an unknown field", { ...whole, threshold: 1 }, "threshold is an unknown field"],
  ])("%s is refused", (_name, about, message) => {
    expect(() => parse(about)).toThrow(
      expect.objectContaining({ code: "invalid_delta", message: expect.stringContaining(message) }),
    );
  });

  test("must be JSON", () => {
    expect(() => parseScorerAbout("{", "the metadata")).toThrow(expect.objectContaining({ code: "invalid_delta" }));
  });
});
