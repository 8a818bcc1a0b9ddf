import { expect, it } from "vitest";
import type { GoodEvent } from "../../../edge/asking/generation.ts";
import { wholeReply } from "../../../edge/asking/whole-reply.ts";

async function* events(...of: GoodEvent[]): AsyncGenerator<GoodEvent, void> {
  yield* of;
}

it("joins the text and the calls of a reply, with what it used", async () => {
  const reply = await wholeReply(
    events(
      { type: "token", choice: 0, text: "I " },
      { type: "token", choice: 0, text: "look. " },
      { type: "call", choice: 0, index: 0, name: "find" },
      { type: "arguments", choice: 0, index: 0, text: '{"a":' },
      { type: "arguments", choice: 0, index: 0, text: "1}" },
      { type: "call", choice: 0, index: 1, name: "stop" },
      { type: "finish", choice: 0, reason: "tool_calls" },
      { type: "usage", promptTokens: 5, completionTokens: 7, cachedTokens: 2 },
    ),
  );
  expect(reply).toEqual({
    text: "I look. ",
    calls: [
      { name: "find", arguments: '{"a":1}' },
      { name: "stop", arguments: "" },
    ],
    finishReason: "tool_calls",
    usage: { prompt_tokens: 5, completion_tokens: 7, cached_tokens: 2, total_tokens: 12 },
  });
});
