import { describe, expect, it } from "vitest";
import { SUITES, suiteNamed } from "../../../../shared/evaluation/suites/registry.ts";
import { SUITE_LIMITS } from "../../../../shared/evaluation/suites/suite.ts";

it("finds suites by their names", () => {
  expect(suiteNamed("nothing")).toBeUndefined();
  expect(SUITES.length).toBeGreaterThan(0);
  for (const suite of SUITES) expect(suiteNamed(suite.name)).toBe(suite);
});

describe.each(SUITES.map((suite) => [suite.name, suite] as const))("%s", (name, suite) => {
  const items = suite.items({});

  it("says what it is and what each score means", () => {
    expect(name).toMatch(/^[a-z_]+$/);
    for (const text of [suite.title, suite.description, ...Object.values(suite.scores)]) expect(text).not.toBe("");
    expect(Object.keys(suite.scores).every((score) => /^[a-z_]+$/.test(score))).toBe(true);
  });

  it("has items within its limits, the same every time", () => {
    expect(items.length).toBeGreaterThanOrEqual(20);
    expect(items.length).toBeLessThanOrEqual(SUITE_LIMITS.items);
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
    expect(suite.items({})).toEqual(items);
  });

  it("has choices that differ, of which one is counted", () => {
    if (suite.mode !== "choose") return;
    for (const { prompt, choices, answer } of suite.items({})) {
      expect(prompt.length).toBeLessThanOrEqual(SUITE_LIMITS.text);
      expect(choices.length).toBeGreaterThanOrEqual(2);
      expect(choices.length).toBeLessThanOrEqual(SUITE_LIMITS.choices);
      expect(new Set(choices).size).toBe(choices.length);
      expect(choices[answer]).toBeDefined();
      // A choice behind a prompt has the space that is before its first word.
      if (prompt !== "") expect(choices.every((choice) => choice.startsWith(" "))).toBe(true);
    }
  });
});
