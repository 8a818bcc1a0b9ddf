import { expect, it } from "vitest";
import { silentSequence } from "../../../edge/serving/silent-sequence.ts";

it("takes whatever comes, says nothing, and ends at its limit", () => {
  const sequence = silentSequence({}, 3);
  expect(sequence.settings).toEqual({ greedy: true });
  const logits = Float32Array.of(1, 2);
  const ends = [0, 1, 0].map((token) => sequence.accept(token, logits));
  expect(ends.map(({ finished }) => finished)).toEqual([false, false, true]);
  expect(ends.flatMap(({ events }) => events.map((event) => ("text" in event ? event.text : event.type)))).toEqual([
    "",
    "",
    "",
    "finish",
  ]);
  expect(sequence.generated).toEqual([0, 1, 0]);
});
