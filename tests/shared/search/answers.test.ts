import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/limits.ts";
import { Answer, findAnswer } from "../../../shared/search/answers.ts";

describe("findAnswer", () => {
  it.each([
    ["so 3 + 4 = 7.", "7"],
    ["It costs $1,234.50 in all", "1234.5"],
    ["12.0 or 12", "12"],
    ["from 5 to -3", "-3"],
    ["5-3", "3"],
    ["a3-4", "4"],
    ["12345678901234567890", "12345678901234567890"],
    ["no digits", null],
  ])("finds the last number of %j", (text, answer) => {
    expect(findAnswer(text, "last_number")).toBe(answer);
  });

  it("finds the last line with something in it", () => {
    expect(findAnswer("first\n Paris \r\n--\n", "last_line")).toBe("Paris");
    expect(findAnswer(" \n?!", "last_line")).toBeNull();
  });

  it.each([
    ["(?<=answer: )\\w+", "answer: no. Answer: maybe, answer: yes", "yes"],
    ["[A-D](?=\\))", "A) or B)", "B"],
    ["\\d+", "12 and 345", "345"],
    ["x*", "axx", "xx"],
    ["x*", "abc", null],
    ["(a|ab)(c|bcd)?", "abcd", "abcd"],
  ])("finds the last match of %s", (regex, text, answer) => {
    expect(findAnswer(text, { regex })).toBe(answer);
  });

  it("finds nothing rather than to take long, whoever wrote the pattern", () => {
    const text = "a".repeat(LIMITS.answerText * 2);
    for (const regex of ["(a*)*b", "(a|a)*$b", "(?<=(a*)*b)a", "(a{1,500}){1,500}b"]) {
      const from = performance.now();
      expect(findAnswer(text, { regex })).toBeNull();
      expect(performance.now() - from).toBeLessThan(5000);
    }
  });
});

it("takes patterns that it can match, and no others", () => {
  const problem = (regex: string) => Answer.safeParse({ regex }).success;
  expect(["\\d+", "(?<=a)b"].map(problem)).toEqual([true, true]);
  expect(["(a)\\1", "(", "", "a".repeat(513), "a*+"].map(problem)).toEqual([false, false, false, false, false]);
});
