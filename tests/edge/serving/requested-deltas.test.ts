import { describe, expect, it } from "vitest";
import { BARE, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { type RequestedDelta, requestedDeltas as sumOf } from "../../../edge/serving/requested-deltas.ts";
import { type Part, randomDelta } from "../runtime/tiny-model.ts";

const asked = (id: string, parts: readonly Part[], weight = 1) => {
  return { id, delta: servingDelta(id, randomDelta(id, parts)), weight };
};
const requestedDeltas = (deltas: readonly RequestedDelta[]) => sumOf(deltas, { endRank: 8 });
const refusal = (message: string) => expect.objectContaining({ code: "invalid_request", param: "deltas", message });

describe("requestedDeltas", () => {
  it("adds up what was asked for", () => {
    const row = requestedDeltas([
      asked("a", ["factors"], 0.5),
      asked("p", ["prompt"]),
      asked("q", ["prefix", "factors"]),
    ]);
    expect(row).toMatchObject({ columns: { factors: 8 }, prefixTokens: 3, virtualTokens: 3 });
    expect(row.terms.map(({ weight }) => weight)).toEqual([0.5, 1]);
    expect(requestedDeltas([])).toBe(BARE);
  });

  it("takes a weight of 0 for not being asked for", () => {
    expect(requestedDeltas([asked("p", ["prompt"], 0), asked("f", ["factors"], 0)])).toBe(BARE);
    const row = requestedDeltas([asked("p", ["prompt"]), asked("other", ["prompt"], 0)]);
    expect(row.virtualTokens).toBe(3);
  });

  it.each<[Part, string]>([
    ["prompt", "virtual tokens"],
    ["prefix", "a prefix"],
  ])("refuses two of what there can be one of, and half of one, by name: %s", (part, what) => {
    expect(() =>
      requestedDeltas([asked("delta-1", [part]), asked("f", ["factors"]), asked("delta-2", [part])]),
    ).toThrow(refusal(`the deltas delta-1 and delta-2 both put ${what} before the text; ask for one of them`));
    expect(() => requestedDeltas([asked("delta-1", [part, "factors"], 0.5)])).toThrow(
      refusal(
        `the delta delta-1 puts ${what} before the text, which cannot be weighted; ` +
          "ask for it with a weight of 1, or of 0 to leave it out; its weight came to 0.5",
      ),
    );
  });

  it.each<[Part, string]>([
    ["head", "the head"],
    ["embedding", "the embedding"],
  ])("refuses more ranks at an end of the model than are served: %s", (part, what) => {
    const [one, other, third] = ["a", "b", "c"].map((id) => asked(id, [part])) as [
      RequestedDelta,
      RequestedDelta,
      RequestedDelta,
    ];
    expect(requestedDeltas([one, { ...other, weight: 2 }, { ...third, weight: 0 }]).outerLayers).toMatchObject([
      { weight: 1 },
      { weight: 2 },
    ]);
    expect(() => requestedDeltas([one, other, third])).toThrow(
      refusal(
        `the request's deltas change ${what} with a rank of 12 together, but this model serves at most 8 there; ask for fewer`,
      ),
    );
  });
});
