import { describe, expect, it } from "vitest";
import { askedOfPrompts, orderedJson, promptLogprobsOf } from "../../../edge/routes/prompt-logprobs.ts";

describe("askedOfPrompts", () => {
  it.each([
    [{}, undefined],
    [{ logprobs: 3 }, undefined],
    [{ echo: false, logprobs: 3 }, undefined],
    [{ echo: true }, { text: true, top: null }],
    [
      { echo: true, logprobs: 3 },
      { text: true, top: 3 },
    ],
    [
      { echo: true, logprobs: 3, prompt_logprobs: 5 },
      { text: true, top: 5 },
    ],
    [
      { logprobs: 7, prompt_logprobs: 0 },
      { text: false, top: 0 },
    ],
    [
      { echo: true, logprobs: 0, stream: true },
      { text: true, top: 0 },
    ],
  ])("of %j is %j", (fields, asked) => {
    expect(askedOfPrompts(fields).ofPrompts).toEqual(asked);
  });

  it("has no place for the prompt's log-probabilities in a stream", () => {
    expect(() => askedOfPrompts({ prompt_logprobs: 0, stream: true })).toThrow(
      expect.objectContaining({ code: "unsupported_parameter", param: "prompt_logprobs" }),
    );
  });
});

describe("promptLogprobsOf", () => {
  const token = (id: number, logprob: number) => ({ id, token: `t${id}`, bytes: [], logprob });
  const scores = [
    { ...token(1, 0), logprob: null, rank: null, top: [] },
    { ...token(9, -4), rank: 12, top: [token(300, -1), token(2, -2)] },
    { ...token(5, -1), rank: 1, top: [token(5, -1), token(4, -2)] },
  ];
  const prompt = { text: "", scores, offset: 0 };

  it("has the own token first and once, and as many others as were asked for", () => {
    const maps = (count: number) => promptLogprobsOf({ prompt }, count).prompt_logprobs!.map((map) => map && [...map]);
    const entry = (id: number, logprob: number, rank: number) => [
      String(id),
      { logprob, rank, decoded_token: `t${id}` },
    ];
    expect(maps(0)).toEqual([null, [entry(9, -4, 12)], [entry(5, -1, 1)]]);
    expect(maps(1)).toEqual([null, [entry(9, -4, 12), entry(300, -1, 1)], [entry(5, -1, 1)]]);
    expect(maps(2)).toEqual([
      null,
      [entry(9, -4, 12), entry(300, -1, 1), entry(2, -2, 2)],
      [entry(5, -1, 1), entry(4, -2, 2)],
    ]);
  });

  it("is nothing where it was not asked for", () => {
    expect(promptLogprobsOf({ prompt }, undefined)).toEqual({});
    expect(promptLogprobsOf({}, 1)).toEqual({});
  });
});

describe("orderedJson", () => {
  it("keeps the order of maps, and is JSON.stringify of everything else", () => {
    const map = new Map<string, unknown>([
      ["30", 1],
      ["4", { "2": null, a: undefined }],
      ['"', []],
    ]);
    expect(orderedJson(map)).toBe('{"30":1,"4":{"2":null},"\\"":[]}');
    const plain = {
      text: "é\u2028\n\ud800",
      list: [1.5e-7, undefined, -0, Number.NaN, true],
      none: undefined,
      nested: { a: {} },
    };
    expect(orderedJson(plain)).toBe(JSON.stringify(plain));
  });
});
