/** A growing response: the events of the Responses API, and the object that they end with. */
import { errorResponse } from "../../shared/api/errors.ts";
import type { UsageCounts } from "../../shared/api/generate.ts";
import type { OutputMessage, OutputText, ResponseObject } from "../../shared/api/responses.ts";
import { answerSteps, type Choice, type ChoiceChange, isEmpty, reportedScores, wholeChoice } from "./answer.ts";
import type { GoodEvent } from "./generation.ts";
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

/** A response with its one message. A response that reaches its token limit is incomplete. */
export function endedResponse({ head, message, choice, usage, now }: EndedParts): ResponseObject {
  const isCut = choice.finishReason === "length";
  return {
    ...head,
    status: isCut ? "incomplete" : "completed",
    completed_at: isCut ? null : now,
    incomplete_details: isCut ? { reason: "max_output_tokens" } : null,
    output: [endedMessage(message, choice)],
    usage: {
      input_tokens: usage.prompt_tokens,
      input_tokens_details: { cached_tokens: usage.prompt_tokens_details.cached_tokens, cache_write_tokens: 0 },
      output_tokens: usage.completion_tokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.total_tokens,
    },
  };
}

function endedMessage(id: string, choice: Choice): OutputMessage {
  const status = choice.finishReason === "length" ? "incomplete" : "completed";
  return { id, type: "message", role: "assistant", status, content: [outputText(choice)] };
}

function outputText({ text, scores }: Pick<Choice, "text" | "scores">): OutputText {
  return { type: "output_text", text, annotations: [], logprobs: reportedScores(scores ?? []) };
}

export interface StreamParts {
  readonly head: ResponseHead;
  readonly message: string;
  /** Whether to hide the lengths of the texts. */
  readonly obfuscate: boolean;
  readonly now: () => number;
}

/**
 * The lines of a stream: response.created, response.in_progress, the message and its text part opened, one delta for
 * each change, both closed again, and response.completed or response.incomplete; or `error` instead of the rest.
 * `sequence_number` counts events from 0. Stopping early also stops the events.
 */
export async function* responseLines(
  events: AsyncGenerator<GoodEvent, void>,
  { head, message, obfuscate, now }: StreamParts,
): AsyncGenerator<string, void> {
  let sequence = 0;
  const numbered = (type: string, fields: object) => ({ type, sequence_number: sequence++, ...fields });
  const line = (type: string, fields: object) => sseEvent(numbered(type, fields));
  const item = { output_index: 0 };
  const part = { item_id: message, ...item, content_index: 0 };
  const opened: OutputMessage = { id: message, type: "message", role: "assistant", status: "in_progress", content: [] };
  const running: ResponseObject = {
    ...head,
    status: "in_progress",
    completed_at: null,
    incomplete_details: null,
    output: [],
    usage: null,
  };
  try {
    yield line("response.created", { response: running });
    yield line("response.in_progress", { response: running });
    yield line("response.output_item.added", { ...item, item: opened });
    yield line("response.content_part.added", { ...part, part: outputText({ text: "", scores: null }) });
    const changes: ChoiceChange[] = [];
    for await (const step of answerSteps(events)) {
      if ("usage" in step) {
        const choice = wholeChoice(changes, 0);
        const response = endedResponse({ head, message, choice, usage: step.usage, now: now() });
        const { text, logprobs } = outputText(choice);
        yield line("response.output_text.done", { ...part, text, logprobs });
        yield line("response.content_part.done", { ...part, part: outputText(choice) });
        yield line("response.output_item.done", { ...item, item: endedMessage(message, choice) });
        yield line(`response.${response.status}`, { response });
        continue;
      }
      changes.push(step);
      if (isEmpty({ ...step, finishReason: null })) continue;
      const logprobs = reportedScores(step.scores ?? []);
      const delta = numbered("response.output_text.delta", { ...part, delta: step.text, logprobs });
      yield sseEvent(obfuscate ? obfuscated(delta) : delta);
    }
  } catch (error) {
    const { message: text, code, param } = errorResponse(error).error;
    yield line("error", { code, message: text, param });
  } finally {
    await events.return();
  }
}
