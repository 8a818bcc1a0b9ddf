/** A growing response: the events of the Responses API, and the object that they end with. */
import { errorResponse } from "../../shared/api/errors.ts";
import type { UsageCounts } from "../../shared/api/generate.ts";
import type { ResponseObject } from "../../shared/api/responses.ts";
import type { GoodEvent } from "../asking/generation.ts";
import { type Answer, answerSteps, type Choice } from "./answer.ts";
import { type ItemEvent, ItemStream } from "./item-stream.ts";
import { type OutputItem, outputItems } from "./response-items.ts";
import { obfuscated, sseEvent } from "./sse.ts";

/** The parts of a response that are known before its text. */
export type ResponseHead = Omit<ResponseObject, "status" | "completed_at" | "incomplete_details" | "output" | "usage">;

export interface EndedParts {
  readonly head: ResponseHead;
  /** The id of the message. */
  readonly message: string;
  readonly choice: Choice;
  readonly usage: UsageCounts;
  /** Unix seconds. */
  readonly now: number;
}

/** A response with its items. One that reaches its token limit is incomplete. */
export function endedResponse({ message, choice, ...parts }: EndedParts): ResponseObject {
  return responseOf({ ...parts, output: outputItems(message, choice), isCut: choice.finishReason === "length" });
}

interface ResponseParts extends Pick<EndedParts, "head" | "usage" | "now"> {
  readonly output: readonly OutputItem[];
  readonly isCut: boolean;
}

function responseOf({ head, output, isCut, usage, now }: ResponseParts): ResponseObject {
  return {
    ...head,
    status: isCut ? "incomplete" : "completed",
    completed_at: isCut ? null : now,
    incomplete_details: isCut ? { reason: "max_output_tokens" } : null,
    output: [...output],
    usage: {
      input_tokens: usage.prompt_tokens,
      input_tokens_details: { cached_tokens: usage.prompt_tokens_details.cached_tokens, cache_write_tokens: 0 },
      output_tokens: usage.completion_tokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.total_tokens,
      ...(usage.steering_tokens === undefined ? {} : { steering_tokens: usage.steering_tokens }),
    },
  };
}

/** A response as it is kept: scores of tokens are many times as long as the text. */
export function withoutScores(response: ResponseObject): ResponseObject {
  const output = response.output.map((item) => {
    if (item.type !== "message") return item;
    return { ...item, content: item.content.map((part) => ({ ...part, logprobs: [] })) };
  });
  return { ...response, output };
}

export interface StreamParts {
  readonly head: ResponseHead;
  readonly message: string;
  /** Whether to hide the lengths of the texts. */
  readonly obfuscate: boolean;
  readonly now: () => number;
  /** Stores the answer with the response that the stream ends with, before it is told to the client. */
  readonly keep?: ((answer: Answer, response: ResponseObject) => Promise<void>) | undefined;
}

/**
 * The lines of a stream: response.created, response.in_progress, each item opened, one delta for each change, and the item
 * closed again before the next; then response.completed or response.incomplete; or `error` instead of the rest.
 * `sequence_number` counts events from 0. Stopping early also stops the events.
 */
export async function* responseLines(
  events: AsyncGenerator<GoodEvent, void>,
  { head, message, obfuscate, now, keep }: StreamParts,
): AsyncGenerator<string, void> {
  let sequence = 0;
  const line = (event: ItemEvent) => {
    const numbered = { type: event.type, sequence_number: sequence++, ...event.fields };
    return sseEvent(obfuscate && event.isDelta === true ? obfuscated(numbered) : numbered);
  };
  const running: ResponseObject = {
    ...head,
    status: "in_progress",
    completed_at: null,
    incomplete_details: null,
    output: [],
    usage: null,
  };
  const items = new ItemStream(message);
  let isCut = false;
  let end: { readonly closing: readonly ItemEvent[]; readonly response: ResponseObject } | undefined;
  const ended = (usage: UsageCounts) => {
    if (end === undefined) {
      const closing = items.finish(isCut);
      end = { closing, response: responseOf({ head, output: items.done, isCut, usage, now: now() }) };
    }
    return end;
  };
  const keepEnded = keep && ((answer: Answer) => keep(answer, withoutScores(ended(answer.usage).response)));
  try {
    yield line({ type: "response.created", fields: { response: running } });
    yield line({ type: "response.in_progress", fields: { response: running } });
    for await (const step of answerSteps(events, keepEnded)) {
      if ("usage" in step) {
        const { closing, response } = ended(step.usage);
        for (const event of closing) yield line(event);
        yield line({ type: `response.${response.status}`, fields: { response } });
        continue;
      }
      isCut ||= step.finishReason === "length";
      for (const event of items.take(step)) yield line(event);
    }
  } catch (error) {
    const { message: text, code, param } = errorResponse(error).error;
    yield line({ type: "error", fields: { code, message: text, param } });
  } finally {
    await events.return();
  }
}
