import { describe, expect, it } from "vitest";
import { KindCheck } from "../../../../shared/data/dataset-kinds/kind-check.ts";
import { preferencePairs } from "../../../../shared/data/dataset-kinds/preference-pairs.ts";

const place = { number: 1, unit: "line", file: "pairs" } as const;

describe("preferencePairs", () => {
  it("shows both answers behind their prompt", () => {
    expect(preferencePairs.read({ prompt: "a", chosen: "b", rejected: "c", id: 1 }, place)).toEqual({
      examples: ["b", "c"].map((completion) => ({ kind: "completion", prompt: "a", completion })),
      ...{ layout: "preference pair", ignored: ["id"], trainable: true },
    });
    expect(() => preferencePairs.read({ prompt: "a", chosen: "b", rejected: "b" }, place)).toThrow("is the same as");
  });

  it("is what a file of pairs is recognised as, and nothing else", () => {
    const kinds = new KindCheck();
    kinds.add({ prompt: "a", chosen: "b", rejected: "c" }, place);
    kinds.add(
      {
        input: { messages: [{ role: "user", content: "a" }] },
        preferred_output: [{ role: "assistant", content: "b" }],
        non_preferred_output: [{ role: "assistant", content: "c" }],
      },
      { ...place, number: 2 },
    );
    expect(kinds.end()).toMatchObject({
      kinds: ["preference_pairs"],
      layouts: ["preference pair", "OpenAI's preference pair"],
      trainable: 2,
    });
  });
});
