import { describe, expect, it } from "vitest";
import type { GoodEvent } from "../../../edge/asking/generation.ts";
import { usageCounts } from "../../../edge/routes/answer.ts";
import {
  endedResponse,
  type ResponseHead,
  responseLines,
  withoutScores,
} from "../../../edge/routes/response-events.ts";
import { ResponseObject } from "../../../shared/api/responses.ts";
import { TrimtabError } from "../../../shared/errors.ts";

const head: ResponseHead = {
  id: "resp_1",
  object: "response",
  created_at: 1,
  background: false,
  error: null,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  model: "m",
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  service_tier: "default",
  store: false,
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: "disabled",
  user: null,
};
const USAGE: GoodEvent = { type: "usage", promptTokens: 3, completionTokens: 2, cachedTokens: 1 };

interface Sent {
  readonly type: string;
  readonly sequence_number: number;
  readonly delta?: string;
  readonly response?: ResponseObject;
}

async function lines(events: readonly (GoodEvent | Error)[], obfuscate = false): Promise<Sent[]> {
  async function* source(): AsyncGenerator<GoodEvent, void> {
    for (const event of events) {
      if (event instanceof Error) throw event;
      yield event;
    }
  }
  const sent: Sent[] = [];
  for await (const line of responseLines(source(), { head, message: "msg_1", obfuscate, now: () => 9 })) {
    const [, name, data = ""] = /^event: (\S+)\ndata: (.*)\n\n$/.exec(line) ?? [];
    const event = JSON.parse(data) as Sent;
    expect([event.type, event.sequence_number]).toEqual([name, sent.length]);
    sent.push(event);
  }
  return sent;
}

describe("responseLines", () => {
  it("open the message, say what is added, and close with the whole, valid by its schema", async () => {
    const sent = await lines([
      { type: "token", choice: 0, text: "he" },
      { type: "token", choice: 0, text: "" },
      { type: "token", choice: 0, text: "llo" },
      { type: "finish", choice: 0, reason: "stop" },
      USAGE,
    ]);
    expect(sent.map(({ type }) => type.replace("response.", ""))).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "completed",
    ]);
    expect(sent.flatMap(({ delta = [] }) => delta)).toEqual(["he", "llo"]);
    for (const { response } of sent) if (response !== undefined) ResponseObject.parse(response);
    expect(sent[0]?.response).toMatchObject({ status: "in_progress", output: [], usage: null });
    expect(sent.at(-1)?.response).toMatchObject({
      status: "completed",
      completed_at: 9,
      output: [{ id: "msg_1", status: "completed", content: [{ type: "output_text", text: "hello" }] }],
      usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5, input_tokens_details: { cached_tokens: 1 } },
    });
  });

  it("end incomplete at the limit", async () => {
    const sent = await lines([{ type: "finish", choice: 0, reason: "length" }, USAGE]);
    expect(sent.at(-1)).toMatchObject({
      type: "response.incomplete",
      response: {
        status: "incomplete",
        completed_at: null,
        incomplete_details: { reason: "max_output_tokens" },
        output: [{ status: "incomplete" }],
      },
    });
  });

  it("end in an error where the generation fails", async () => {
    const sent = await lines([
      { type: "token", choice: 0, text: "he" },
      new TrimtabError("capacity_exceeded", "Full.", { param: "input" }),
    ]);
    expect(sent.at(-1)).toEqual({
      type: "error",
      sequence_number: 5,
      code: "capacity_exceeded",
      message: "Full.",
      param: "input",
    });
  });

  it("hide the lengths of texts where they are asked to", async () => {
    const sizes = new Set<number>();
    for (const text of ["a", "abc", "abcdefg"]) {
      const delta = (await lines([{ type: "token", choice: 0, text }, USAGE], true)).find(
        ({ delta }) => delta === text,
      );
      sizes.add(JSON.stringify(delta).length % 64);
    }
    expect([...sizes]).toEqual([0]);
  });
});

it("endedResponse reports log-probabilities with their bytes", () => {
  const top = { token: "b", bytes: [98], logprob: -2 };
  const choice = {
    index: 0,
    text: "a",
    scores: [{ id: 4, token: "a", bytes: [97], logprob: -1, top: [{ id: 5, ...top }] }],
    traces: null,
    offset: 0,
    finishReason: "stop" as const,
  };
  const usage = usageCounts({ promptTokens: 1, completionTokens: 1, cachedTokens: 0 });
  const response = endedResponse({ head, message: "msg_1", choice, usage, now: 2 });
  expect(response.output).toMatchObject([
    { content: [{ logprobs: [{ token: "a", bytes: [97], logprob: -1, top_logprobs: [top] }] }] },
  ]);
});

it("a response is kept without the scores of its tokens, and otherwise as it is", () => {
  const token = { id: 1, token: "hi", bytes: [104, 105], logprob: -1, top: [] };
  const choice = { index: 0, text: "hi", scores: [token], offset: 0, traces: null, finishReason: "stop" } as const;
  const usage = usageCounts({ promptTokens: 1, completionTokens: 1, cachedTokens: 0 });
  const parts = { head, message: "msg_1", usage, now: 9 };
  const scored = endedResponse({ ...parts, choice });
  expect(scored).not.toEqual(withoutScores(scored));
  expect(withoutScores(scored)).toEqual(endedResponse({ ...parts, choice: { ...choice, scores: null } }));
});
