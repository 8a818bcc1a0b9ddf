import { describe, expect, it } from "vitest";
import type { GoodEvent } from "../../../edge/asking/generation.ts";
import {
  answerLines,
  type ChoiceChange,
  type TokenScore,
  usageCounts,
  wholeAnswer,
} from "../../../edge/routes/answer.ts";

const score = (token: string): TokenScore => ({
  id: 7,
  token,
  bytes: [...new TextEncoder().encode(token)],
  logprob: -1,
  top: [],
});
const USAGE: GoodEvent = { type: "usage", promptTokens: 1, completionTokens: 2, cachedTokens: 1 };
const EVENTS: GoodEvent[] = [
  { type: "token", choice: 1, text: "b" },
  { type: "token", choice: 0, text: "", logprobs: [score("ab")] },
  { type: "token", choice: 0, text: "abc", logprobs: [score("c"), score("d")] },
  { type: "token", choice: 1, text: "" },
  { type: "finish", choice: 1, reason: "length" },
  { type: "token", choice: 0, text: "de", logprobs: [score("e")] },
  { type: "finish", choice: 0, reason: "stop" },
  USAGE,
];

async function* stream(events: readonly GoodEvent[], end?: Error): AsyncGenerator<GoodEvent, void> {
  yield* events;
  if (end !== undefined) throw end;
}

async function lines(events: readonly GoodEvent[], options: { usage?: boolean; end?: Error } = {}): Promise<unknown[]> {
  const all: unknown[] = [];
  const format = {
    opening: (index: number) => ({ opening: index }),
    change: (change: ChoiceChange) => change,
    ...(options.usage === true ? { usage: (usage: unknown) => ({ usage }) } : {}),
  };
  for await (const line of answerLines(stream(events, options.end), 2, format)) {
    expect(line).toMatch(/^data: .*\n\n$/);
    const data = line.slice("data: ".length).trim();
    all.push(data === "[DONE]" ? data : JSON.parse(data));
  }
  return all;
}

describe("wholeAnswer", () => {
  it("adds up what each choice got", async () => {
    const { choices, usage } = await wholeAnswer(stream(EVENTS), 2);
    expect(choices).toEqual([
      {
        index: 0,
        text: "abcde",
        scores: ["ab", "c", "d", "e"].map(score),
        traces: null,
        offset: 0,
        finishReason: "stop",
      },
      { index: 1, text: "b", scores: null, traces: null, offset: 0, finishReason: "length" },
    ]);
    expect(usage).toEqual(usageCounts({ promptTokens: 1, completionTokens: 2, cachedTokens: 1 }));
  });
});

describe("answerLines", () => {
  it("opens every choice, sends what changes, and says how far its scored tokens reach", async () => {
    expect(await lines(EVENTS)).toEqual([
      { opening: 0 },
      { opening: 1 },
      { index: 1, text: "b", scores: null, traces: null, offset: 0, finishReason: null },
      { index: 0, text: "", scores: [score("ab")], traces: null, offset: 0, finishReason: null },
      { index: 0, text: "abc", scores: [score("c"), score("d")], traces: null, offset: 2, finishReason: null },
      { index: 1, text: "", scores: null, traces: null, offset: 0, finishReason: "length" },
      { index: 0, text: "de", scores: [score("e")], traces: null, offset: 4, finishReason: null },
      { index: 0, text: "", scores: null, traces: null, offset: 5, finishReason: "stop" },
      "[DONE]",
    ]);
  });

  it("adds up to the whole answer", async () => {
    const { choices } = await wholeAnswer(stream(EVENTS), 2);
    const texts = ["", ""];
    for (const line of await lines(EVENTS)) {
      const { index, text } = line as ChoiceChange;
      if (index !== undefined) texts[index] += text;
    }
    expect(texts).toEqual(choices.map(({ text }) => text));
  });

  it("sends the usage where it is asked for", async () => {
    const all = await lines(EVENTS, { usage: true });
    expect(all.slice(-2)).toEqual([
      { usage: usageCounts({ promptTokens: 1, completionTokens: 2, cachedTokens: 1 }) },
      "[DONE]",
    ]);
  });

  it("ends with the error, and leaves the events when the reader leaves", async () => {
    const all = await lines(EVENTS.slice(0, 1), { end: new Error("broken") });
    expect(all.at(-1)).toMatchObject({ error: { message: expect.any(String) } });
    let left = false;
    async function* watched(): AsyncGenerator<GoodEvent, void> {
      try {
        yield* EVENTS;
      } finally {
        left = true;
      }
    }
    const reading = answerLines(watched(), 2, { change: (change) => change });
    await reading.next();
    await reading.return();
    expect(left).toBe(true);
  });
});

it("counts usage as OpenAI does", () => {
  expect(usageCounts({ promptTokens: 5, completionTokens: 2, cachedTokens: 4 })).toEqual({
    prompt_tokens: 5,
    completion_tokens: 2,
    total_tokens: 7,
    prompt_tokens_details: { cached_tokens: 4 },
  });
});
