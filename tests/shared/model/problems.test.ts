import { expect, it } from "vitest";
import { TrimtabError } from "../../../shared/errors.ts";
import { collected, type ModelProblem, throwProblems } from "../../../shared/model/problems.ts";

const first = { file: "config.json", field: "vocab_size", reason: "missing" };
const second = { file: "tokenizer.json", field: "", reason: "is not valid JSON" };

it("throws one problem as a sentence and several as a list", () => {
  expect(() => throwProblems([])).not.toThrow();
  expect(() => throwProblems([first])).toThrow(
    expect.objectContaining({
      code: "invalid_model",
      param: "vocab_size",
      message: "config.json: vocab_size: missing",
    }),
  );
  expect(() => throwProblems([second, first])).toThrow(
    "2 things in the model have to change:\n- tokenizer.json is not valid JSON\n- config.json: vocab_size: missing",
  );
});

it("collects what a step throws, list by list, and lets bugs through", async () => {
  const problems: ModelProblem[] = [];
  expect(await collected(problems, "a.json", () => 7)).toBe(7);
  await collected(problems, "config.json", () => throwProblems([first, second]));
  await collected(problems, "b.json", () => {
    throw new TrimtabError("invalid_model", "b.json: is odd");
  });
  expect(problems).toEqual([first, second, { file: "b.json", field: "", reason: "is odd" }]);
  const bug = () => {
    throw new TypeError("bug");
  };
  await expect(collected(problems, "c.json", bug)).rejects.toThrow("bug");
});
