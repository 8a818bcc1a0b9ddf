import { describe, expect, it } from "vitest";
import { KindCheck } from "../../../../shared/data/dataset-kinds/kind-check.ts";

function check(...records: unknown[]) {
  const kinds = new KindCheck();
  for (const [at, value] of records.entries()) kinds.add(value, { number: at + 1, unit: "line", file: "the file" });
  return kinds.end();
}
const labelled = (label: unknown, text = "t") => ({ text, label });

describe("what a file is", () => {
  it("one kind, or several where each record is of them all", () => {
    expect(check({ text: "a" }, { text: "b" })).toMatchObject({ kinds: ["examples"], unfit: {}, layouts: ["text"] });
    expect(check({ positive: "a", negative: "b" })).toMatchObject({
      kinds: ["contrast_pairs", "condition_prompts"],
      trainable: 1,
    });
    const both = check(labelled("x"), labelled("y"));
    expect(both).toMatchObject({ kinds: ["examples", "labelled_texts"], trainable: 2, groups: ["completion"] });
    expect(both.layouts).toEqual(["text", "text and label"]);
  });

  it("leaves out only what none of its kinds reads", () => {
    const record = { ...labelled("x"), source: "s" };
    expect(check(record, labelled("y")).ignored).toEqual(["source"]);
    expect(check({ text: "a", source: "s" }).ignored).toEqual(["source"]);
  });

  it("says why it is not what it looked like", () => {
    const { kinds, unfit } = check(labelled("x"), { text: "t" });
    expect(kinds).toEqual(["examples"]);
    expect(unfit.labelled_texts).toContain("line 2 of the file: label: must be");
    const one = check(labelled("x"), labelled("x"));
    expect(one.kinds).toEqual(["examples"]);
    expect(one.unfit.labelled_texts).toContain("at least 2 labels");
  });

  it("says what is wrong with a pair, and not that it is a pair", () => {
    const answered = (text: string) => [{ role: "assistant", content: text }];
    const pair = (worse: string) => ({
      input: { messages: [{ role: "user", content: "Where is Oslo?" }], tools: [], parallel_tool_calls: true },
      preferred_output: answered("In Norway."),
      non_preferred_output: answered(worse),
    });
    expect(() => check(pair("In Norway."))).toThrow(
      "line 1 of the file: non_preferred_output: is the same as preferred_output, so neither is better",
    );
    expect(check(pair("No idea."))).toMatchObject({ kinds: ["preference_pairs"], trainable: 1, ignored: [] });
    expect(() => check({ prompt: "p", chosen: "", rejected: "b" })).toThrow(
      "line 1 of the file: chosen: must not be empty",
    );
  });

  it("keeps the kind that is left when the others fail", () => {
    // A prompt beside a text makes no example to imitate, and does not hinder a classifier.
    const facts = check({ ...labelled("x"), query: "q" }, { ...labelled("y"), query: "q" });
    expect(facts.kinds).toEqual(["labelled_texts"]);
    expect(facts.unfit.examples).toContain("query: stands beside text alone");
    expect(facts.groups).toEqual(["x", "y"]);
  });

  it.each<[string, unknown[], string]>([
    ["no known columns", [{ a: 1 }], "fits no known format"],
    ["a record that is of no kind", [{ text: "t" }, { a: 1 }], "line 2 of the file fits no known format"],
    [
      "a bad record of the only kind",
      [{ positive: "a", negative: "b" }, { positive: "a" }],
      "line 2 of the file is not a contrast pair",
    ],
    [
      "a record that is bad for every kind",
      [labelled("x"), labelled("y", "")],
      "line 2 of the file: text: must not be empty",
    ],
    ["no object", [[1]], "is not a JSON object"],
  ])("%s: refused", (_name, records, message) => {
    expect(() => check(...records)).toThrow(
      expect.objectContaining({ code: "invalid_file", message: expect.stringContaining(message) }),
    );
  });
});
