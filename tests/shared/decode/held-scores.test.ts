import { describe, expect, it } from "vitest";
import { HeldScores } from "../../../shared/decode/held-scores.ts";

describe("HeldScores", () => {
  it("sends scores with the text of their tokens", () => {
    const scores = new HeldScores<string>();
    scores.add("ab", 2);
    expect(scores.send(2)).toEqual(["ab"]);
    scores.add("cd", 2);
    scores.add("e", 1);
    expect(scores.send(0)).toEqual([]);
    expect(scores.send(1)).toEqual(["cd"]);
    expect(scores.send(1)).toEqual([]);
    expect(scores.send(1)).toEqual(["e"]);
  });

  it("sends a token without text as soon as everything before it is sent", () => {
    const scores = new HeldScores<string>();
    scores.add("first byte", 0);
    expect(scores.send(0)).toEqual(["first byte"]);
    scores.add("held", 1);
    scores.add("byte", 0);
    expect(scores.send(0)).toEqual([]);
    expect(scores.send(1)).toEqual(["held", "byte"]);
  });

  it("drops the scores of what is no text, and goes on with the text after it", () => {
    const scores = new HeldScores<string>();
    scores.add("text", 4);
    scores.add("call", 4);
    expect(scores.send(4)).toEqual(["text"]);
    scores.drop();
    scores.add("more", 4);
    expect(scores.send(3)).toEqual(["more"]);
  });
});
