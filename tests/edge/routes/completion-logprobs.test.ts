import { describe, expect, it } from "vitest";
import type { TokenScore } from "../../../edge/routes/answer.ts";
import { logprobsOf } from "../../../edge/routes/completion-logprobs.ts";

const utf8 = (text: string) => [...new TextEncoder().encode(text)];
const score = (token: string, bytes = utf8(token), top: TokenScore["top"] = []): TokenScore => ({
  id: 1,
  token,
  bytes,
  logprob: -1,
  top,
});

describe("logprobsOf", () => {
  it("gives nothing where nobody asked", () => {
    expect(logprobsOf({ scores: null, offset: 3 })).toBeNull();
  });

  it("says where each token begins, in characters, after those before", () => {
    const scores = [" the", " é", "🙂", "x"].map((token) => score(token));
    expect(logprobsOf({ scores, offset: 10 })).toEqual({
      tokens: [" the", " é", "🙂", "x"],
      token_logprobs: [-1, -1, -1, -1],
      top_logprobs: [{ " the": -1 }, { " é": -1 }, { "🙂": -1 }, { x: -1 }],
      text_offset: [10, 14, 16, 17],
    });
  });

  it("names parts of a character by their bytes, and places them where the character is", () => {
    const [first, second] = [utf8("🙂").slice(0, 2), utf8("🙂").slice(2)];
    const scores = [score("a"), score("\ufffd", first), score("\ufffd", second), score("b"), score("\ufffd")];
    expect(logprobsOf({ scores, offset: 0 })).toMatchObject({
      tokens: ["a", "bytes:\\xf0\\x9f", "bytes:\\x99\\x82", "b", "\ufffd"],
      text_offset: [0, 1, 1, 2, 3],
    });
  });

  it("lists a token of the text even where it is not among the likeliest", () => {
    const likeliest = { id: 9, token: " b", bytes: utf8(" b"), logprob: -0.5 };
    const scores = [score(" a", utf8(" a"), [likeliest]), score(" c")];
    expect(logprobsOf({ scores, offset: 0 })!.top_logprobs).toEqual([{ " b": -0.5, " a": -1 }, { " c": -1 }]);
  });

  it("keeps every alternative, also where two have one text", () => {
    const top = [
      { id: 5, token: " a", bytes: utf8(" a"), logprob: -1 },
      { id: 6, token: " a", bytes: utf8(" a"), logprob: -2 },
      { id: 7, token: "__proto__", bytes: utf8("__proto__"), logprob: -3 },
    ];
    const own = { ...score(" a", utf8(" a"), top), id: 5 };
    const [alternatives] = logprobsOf({ scores: [own], offset: 0 })!.top_logprobs;
    expect(Object.entries(alternatives!)).toEqual([
      [" a", -1],
      ["token_id:6", -2],
      ["__proto__", -3],
    ]);
  });
});
