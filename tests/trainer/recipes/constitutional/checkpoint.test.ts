import { expect, it } from "vitest";
import { decodeState, encodeState, type JobState } from "../../../../trainer/recipes/constitutional/checkpoint.ts";

const state: JobState = {
  chunks: 3,
  records: [
    { kind: "revised", part: "training", line: 2, prompt: "a\nb ☃", sample: 0, reply: "", ended: true, rounds: [] },
  ],
  judged: { answers: 4, unreadable: 1, first: "empty" },
  training: Uint8Array.from([10, 0, 255, 10]),
};

it("holds what was written, and the training's own bytes behind it", () => {
  for (const training of [state.training, new Uint8Array(), null]) {
    expect(decodeState(encodeState({ ...state, training }, "run"), "run")).toEqual({ ...state, training });
  }
});

it("refuses another run's, and damaged ones", () => {
  const bytes = encodeState(state, "run");
  const corrupt = (given: Uint8Array, run = "run") =>
    expect(() => decodeState(given, run)).toThrow(expect.objectContaining({ code: "corrupt_blob" }));
  corrupt(bytes, "other");
  for (const length of [0, 1, 50, bytes.length - 5, bytes.length - 1]) corrupt(bytes.slice(0, length));
  corrupt(Uint8Array.from([...bytes, 1]));
  corrupt(new TextEncoder().encode('{"format":"else"}\n'));
});
