import { describe, expect, it } from "vitest";
import { isFactRecalled, isTaskSolved } from "../../../../infra/base/evaluation/scoring.ts";

describe("isFactRecalled", () => {
  it("accepts the answer at the start, followed by anything but a letter or digit", () => {
    expect(isFactRecalled(" Paris. More text", "Paris")).toBe(true);
    expect(isFactRecalled(" Paris", "Paris")).toBe(true);
    expect(isFactRecalled(" Parisian", "Paris")).toBe(false);
    expect(isFactRecalled(" 26.", "2")).toBe(false);
    expect(isFactRecalled(" London, not Paris", "Paris")).toBe(false);
    expect(isFactRecalled("", "Paris")).toBe(false);
  });
});

describe("isTaskSolved", () => {
  it("requires the answer and nothing else", () => {
    expect(isTaskSolved("copy", "cat dog", "cat dog")).toBe(true);
    expect(isTaskSolved("copy", " cat dog\n", "cat dog")).toBe(true);
    expect(isTaskSolved("copy", "cat dog sun", "cat dog")).toBe(false);
    expect(isTaskSolved("count", "3 words", "3")).toBe(false);
  });

  it("compares JSON as JSON", () => {
    const answer = '{"name": "Anna", "age": 12, "city": "Paris"}';
    expect(isTaskSolved("extract", '{"city":"Paris","age":12,"name":"Anna"}', answer)).toBe(true);
    expect(isTaskSolved("extract", '{"city":"Paris","age":"12","name":"Anna"}', answer)).toBe(false);
    expect(isTaskSolved("extract", '{"city":"Paris","age":12,"name":"Anna","x":1}', answer)).toBe(false);
    expect(isTaskSolved("extract", "not JSON", answer)).toBe(false);
    expect(isTaskSolved("extract", "[]", answer)).toBe(false);
    expect(isTaskSolved("extract", "null", answer)).toBe(false);
  });
});
