import { expect, it } from "vitest";
import { EditFact } from "../../../shared/edits/fact.ts";
import { fittingPrompts } from "../../../trainer/edits/fitting-prompts.ts";

// A token for each letter.
const encoder = {
  prompt: (text: string) => [...text].map(() => 1),
  continuation: (_: string, target: string) => (target.includes("§") ? undefined : [...target].map(() => 1)),
};
const placed = (fields: object = {}) => ({
  ...{ index: 4, line: 5 },
  fact: EditFact.parse({ prompt: "Snow is", subject: "Snow", target_new: "red", ...fields }),
});
const options = { encoder, target: [1, 1, 1], maxLength: 12 };
const list = (source: "given" | "templates" | "none", ...texts: string[]) => ({ source, texts });

it("leaves out what was made and does not fit with the longer of both targets", () => {
  const made = { paraphrases: list("templates", "So snow is"), neighbours: list("templates", "Ice is", "Rain is") };
  expect(fittingPrompts(placed(), made, options)).toEqual({
    ...{ paraphrases: list("none"), neighbours: list("templates", "Ice is", "Rain is") },
  });
  expect(fittingPrompts(placed({ target_true: "white" }), made, options)).toEqual({
    ...{ paraphrases: list("none"), neighbours: list("templates", "Ice is", "Rain is") },
  });
});

it.each([
  [{}, "paraphrases[1]", "has with its target more tokens than the model's context of 12"],
  [{ target_true: "whiter" }, "target_true", "has with the prompt more tokens than the model's context"],
  [
    ...([{ target_true: "§" }, "target_true"] as const),
    "has text that the model's vocabulary cannot express; word it otherwise",
  ],
])("refuses with %j the field %s", (fields, field, problem) => {
  const given = { paraphrases: list("given", "Snow's", "So snow is"), neighbours: list("none") };
  expect(() => fittingPrompts(placed(fields), given, options)).toThrow(
    expect.objectContaining({
      ...{ code: "invalid_dataset", message: `line 5: ${field}: ${problem}`, data: { line: 5, fact: 4, field } },
    }),
  );
});

it("keeps an empty list of the caller as given", () => {
  const given = { paraphrases: list("given"), neighbours: list("given", "Ice is") };
  expect(fittingPrompts(placed(), given, options)).toEqual(given);
});
