import { describe, expect, it } from "vitest";
import { NO_PROBES, parseProbes } from "../../../shared/evaluation/probes.ts";

const parse = (value: unknown) => parseProbes(new TextEncoder().encode(JSON.stringify(value)));
const format = "trimtab.evaluation/1";

describe("a base's probes", () => {
  it("may be of every kind, or of none", () => {
    expect(parse({ format })).toEqual(NO_PROBES);
    const full = {
      format,
      facts: [{ prompt: "The capital of France is", answer: "Paris", subject: "France" }],
      tasks: [{ task: "copy", user: "Copy: a", answer: "a" }],
      instructions: [{ prompt: "No commas.", instructions: [{ kind: "no_commas" }] }],
      texts: ["Once."],
      styles: [
        {
          ...{ name: "register", high: "polite", low: "rude" },
          classifier: { bias: 0, weights: { please: 1 } },
          prompts: [{ user: "Ask me." }, { text: "Once" }, { user: "a", system: "b" }],
        },
      ],
    };
    expect(parse(full)).toEqual({ ...full, tasks: [{ ...full.tasks[0], match: "text" }] });
  });

  it.each([
    [{}, "format"],
    [{ format: "other" }, "format"],
    [{ format, fact: [] }, "fact"],
    [{ format, facts: [{ prompt: "a" }] }, "facts[0].answer"],
    [{ format, facts: [{ prompt: "", answer: "b" }] }, "facts[0].prompt"],
    [{ format, texts: [1] }, "texts[0]"],
    [{ format, instructions: [{ prompt: "a", instructions: [] }] }, "instructions[0].instructions"],
    [
      {
        format,
        styles: [{ name: "a", high: "b", low: "c", classifier: { bias: 0, weights: { a: "1" } }, prompts: [] }],
      },
      "styles[0].classifier.weights.a",
    ],
  ])("%j are refused with the field", (value, field) => {
    expect(() => parse(value)).toThrow(
      expect.objectContaining({ code: "invalid_model", message: expect.stringContaining(`\`${field}\``) }),
    );
  });

  it("must be JSON in UTF-8", () => {
    for (const bytes of [[0x7b], [0xff, 0x7b, 0x7d]]) {
      expect(() => parseProbes(Uint8Array.from(bytes))).toThrow(
        expect.objectContaining({
          code: "invalid_model",
          message: expect.stringContaining("is not JSON"),
        }),
      );
    }
  });
});
