import { describe, expect, it } from "vitest";
import { StopSequences } from "../../../shared/decode/stop-sequences.ts";

/** Everything that is sent when the text comes in the given pieces. */
function sent(sequences: string[], pieces: string[]): { text: string; stopped: boolean } {
  const stops = new StopSequences(sequences);
  let text = "";
  for (const piece of pieces) {
    const result = stops.push(piece);
    text += result.text;
    if (result.stopped) return { text, stopped: true };
  }
  return { text: text + stops.flush(), stopped: false };
}

describe("StopSequences", () => {
  it("cuts at the first stop sequence, however the text is cut into pieces", () => {
    const text = "one two END three";
    for (let size = 1; size <= text.length; size++) {
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.slice(i * size, (i + 1) * size),
      );
      expect(sent(["END", "three"], pieces)).toEqual({ text: "one two ", stopped: true });
    }
  });

  it("holds back what may be the start of one, and sends it when it is not", () => {
    const stops = new StopSequences(["abc"]);
    expect(stops.push("xab")).toEqual({ text: "x", stopped: false });
    expect(stops.push("ab")).toEqual({ text: "ab", stopped: false });
    expect(stops.flush()).toBe("ab");
  });

  it("passes everything on when there are none", () => {
    expect(sent([], ["a", "b"])).toEqual({ text: "ab", stopped: false });
  });
});
