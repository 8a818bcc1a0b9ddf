import { expect, test } from "vitest";
import { stripCharacters, templateGlobals } from "../../../shared/model/template-globals.ts";

test("strip takes a set of characters, like Python's", () => {
  expect(stripCharacters("xyaxbyx", "xy", "strip")).toBe("axb");
  expect(stripCharacters("xyaxbyx", "xy", "lstrip")).toBe("axbyx");
  expect(stripCharacters("xyaxbyx", "xy", "rstrip")).toBe("xyaxb");
  expect(stripCharacters("xxx", "x", "strip")).toBe("");
  expect(stripCharacters("a", "", "strip")).toBe("a");
});

test("the environment has what Hugging Face templates use, but no clock", () => {
  const environment = templateGlobals(new Date(0));
  const names = ["true", "False", "none", "raise_exception", "range", "strftime_now", "namespace"];
  expect(names.map((name) => environment.lookupVariable(name).type)).toEqual([
    "BooleanValue",
    "BooleanValue",
    "NullValue",
    "FunctionValue",
    "FunctionValue",
    "FunctionValue",
    "FunctionValue",
  ]);
  expect(environment.lookupVariable("now").type).toBe("UndefinedValue");
});
