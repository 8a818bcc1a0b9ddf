import { describe, expect, it } from "vitest";
import { Sequence, type SequenceOptions } from "../../../shared/decode/sequence.ts";

const LETTERS = "abcdefgh";
const END = 7;

function sequence(options: Partial<SequenceOptions> = {}): Sequence {
  return new Sequence({
    choice: 0,
    settings: { greedy: true },
    maxTokens: 10,
    stop: [],
    endTokens: new Set([END]),
    topLogprobs: null,
    uniform: () => 0,
    decoder: { push: (id) => LETTERS[id]!, flush: () => "" },
    describe: (token) => ({ token: LETTERS[token]!, bytes: [LETTERS.charCodeAt(token)] }),
    ...options,
  });
}

/** Logits that make `token` the likeliest. */
const towards = (token: number) => Float32Array.from(LETTERS, (_, id) => (id === token ? 5 : 0));

/** Feeds the tokens until the sequence ends; gives the text, the reason and what was used. */
function run(subject: Sequence, tokens: number[]) {
  let text = "";
  for (const [i, token] of tokens.entries()) {
    const { events, finished } = subject.accept(token, towards(token));
    for (const event of events) {
      if (event.type === "token") text += event.text;
      if (event.type === "finish") return { text, reason: event.reason, tokens: i + 1 };
    }
    expect(finished).toBe(false);
  }
  return { text, reason: undefined, tokens: tokens.length };
}

describe("Sequence", () => {
  it("ends at an end token, which is not part of the text", () => {
    const subject = sequence();
    expect(run(subject, [0, 1, END, 2])).toEqual({ text: "ab", reason: "stop", tokens: 3 });
    expect(subject.generated).toEqual([0, 1, END]);
  });

  it("ends at a stop sequence, none of which is sent", () => {
    expect(run(sequence({ stop: ["cd"] }), [0, 2, 2, 3, 4])).toEqual({ text: "ac", reason: "stop", tokens: 4 });
  });

  it("ends at the limit and sends what was held back", () => {
    expect(run(sequence({ stop: ["cd"], maxTokens: 2 }), [0, 2, 3])).toEqual({
      text: "ac",
      reason: "length",
      tokens: 2,
    });
  });

  it("says which token begins the text", () => {
    const firsts: boolean[] = [];
    const describe: SequenceOptions["describe"] = (_, first) => {
      firsts.push(first);
      return { token: "", bytes: [] };
    };
    const subject = sequence({ topLogprobs: 1, describe });
    subject.accept(1, towards(1));
    subject.accept(2, towards(2));
    expect(firsts).toEqual([true, true, false, false]);
  });

  it("reports log-probabilities when asked to", () => {
    const { events } = sequence({ topLogprobs: 2 }).accept(1, towards(1));
    const [event] = events;
    expect(event?.type).toBe("token");
    const [score] = event?.type === "token" ? event.logprobs! : [];
    expect(score).toMatchObject({ id: 1, token: "b" });
    expect(score?.top.map(({ token }) => token)).toEqual(["b", "a"]);
    expect(Math.exp(score!.logprob)).toBeCloseTo(Math.exp(5) / (Math.exp(5) + 7), 5);
  });
});
