import { expect, it } from "vitest";
import { beginsWithAnswer, isAnswer, isSameJson } from "../../../shared/evaluation/answers.ts";

it("an answer begins the text as a whole word", () => {
  expect([" Paris.", "Paris", "Paris, France"].every((text) => beginsWithAnswer(text, "Paris"))).toBe(true);
  expect(["Parisian", "In Paris", "paris", ""].some((text) => beginsWithAnswer(text, "Paris"))).toBe(false);
  expect([beginsWithAnswer(" 17 protons", "17"), beginsWithAnswer("170", "17")]).toEqual([true, false]);
});

it("an exact answer is the text, but for white space around it", () => {
  expect([isAnswer(" a b\n", "a b"), isAnswer("a  b", "a b"), isAnswer("a b.", "a b")]).toEqual([true, false, false]);
});

it("JSON is compared as values, whatever the order of keys", () => {
  expect(isSameJson('{"b": [1, {"c": null}], "a": "x"}', '{"a":"x","b":[1,{"c":null}]}')).toBe(true);
  for (const text of [
    '{"a": "x"}',
    '{"a": "x", "b": [1, {"c": 0}]}',
    '{"a":"x","b":{"0":1}}',
    "{",
    "",
    '{"a":"x","b":[1,{"c":null}],"d":1}',
  ]) {
    expect(isSameJson(text, '{"a":"x","b":[1,{"c":null}]}')).toBe(false);
  }
  expect([isSameJson("[]", "{}"), isSameJson("1", "1.0"), isSameJson("null", "null")]).toEqual([false, true, true]);
  expect(isSameJson('{"__proto__": 1}', "{}")).toBe(false);
});
