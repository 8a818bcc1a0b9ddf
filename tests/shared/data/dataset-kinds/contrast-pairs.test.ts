import { describe, expect, it } from "vitest";
import { contrastPairs } from "../../../../shared/data/dataset-kinds/contrast-pairs.ts";

const place = { number: 4, unit: "row", file: "a" } as const;

describe("contrast pairs", () => {
  it("are two texts", () => {
    expect(contrastPairs.recognises({ positive: "p", negative: "n" })).toBe(true);
    expect(contrastPairs.recognises({ positive: "p" })).toBe(false);
    const { examples, ignored } = contrastPairs.read({ positive: "p", negative: "n", source: "x" }, place);
    expect(examples.map((example) => example.kind === "completion" && example.completion)).toEqual(["p", "n"]);
    expect(ignored).toEqual(["source"]);
  });

  it.each([
    [{ positive: "p", negative: "" }, "row 4 of a: negative: must not be empty"],
    [{ positive: 1, negative: "n" }, "row 4 of a: positive: must be a text"],
    ["p", "row 4 of a is not a JSON object"],
  ])("refuses %j", (value, message) => {
    expect(() => contrastPairs.read(value, place)).toThrow(
      expect.objectContaining({ code: "invalid_file", message: expect.stringContaining(message) }),
    );
  });
});
