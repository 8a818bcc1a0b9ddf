import { expect, test } from "vitest";
import { z } from "zod";
import { readPart, requireType, unusable } from "../../../../shared/model/tokenizing/part.ts";

test("a wrong field is named with its part", () => {
  const attempt = () => readPart("decoder", { type: "Strip", start: "x" }, z.object({ start: z.int() }));
  expect(attempt).toThrow("tokenizer.json is invalid at decoder.start (Strip): ");
  expect(attempt).toThrow(expect.objectContaining({ code: "invalid_model" }));
});

test("an unknown type is named with the known ones; names that every object inherits are unknown", () => {
  expect(requireType("normalizer", { type: "A" }, { A: 1, B: 2 })).toBe(1);
  for (const type of ["C", "toString"]) {
    expect(() => requireType("normalizer", { type }, { A: 1, B: 2 })).toThrow(
      `the normalizer type "${type}" is not supported; supported types are A, B`,
    );
  }
});

test("what cannot be used keeps its cause", () => {
  const cause = new Error("inner");
  expect(unusable("x", cause)).toMatchObject({
    code: "invalid_model",
    cause,
    message: "tokenizer.json cannot be used: x",
  });
});
