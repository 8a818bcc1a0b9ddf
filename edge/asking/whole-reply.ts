import type { FinishReason } from "../../shared/decode/events.ts";
import type { TokenUsage } from "../../shared/graders/kind.ts";
import type { GoodEvent } from "./generation.ts";

export interface ReplyCall {
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
}

/** The one choice of a generation, read to its end. */
export interface WholeReply {
  readonly text: string;
  readonly calls: readonly ReplyCall[];
  readonly finishReason: FinishReason;
  readonly usage: TokenUsage;
}

/** All events of a generation of one choice as its reply. */
export async function wholeReply(events: AsyncIterable<GoodEvent>): Promise<WholeReply> {
  let text = "";
  let finishReason: FinishReason = "stop";
  const calls: { name: string; arguments: string }[] = [];
  let usage: TokenUsage = { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0, total_tokens: 0 };
  for await (const event of events) {
    if (event.type === "token") text += event.text;
    else if (event.type === "call") calls[event.index] = { name: event.name, arguments: "" };
    else if (event.type === "arguments") calls[event.index]!.arguments += event.text;
    else if (event.type === "finish") finishReason = event.reason;
    else if (event.type === "usage") usage = usageOf(event);
  }
  return { text, calls, finishReason, usage };
}

function usageOf(event: Extract<GoodEvent, { type: "usage" }>): TokenUsage {
  const { promptTokens, completionTokens, cachedTokens } = event;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    cached_tokens: cachedTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
