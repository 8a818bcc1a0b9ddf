/** The items of a response's output. */
import { newId } from "../../shared/api/ids.ts";
import type { OutputCall, OutputMessage, OutputText, ResponseObject } from "../../shared/api/responses.ts";
import { type Choice, reportedScores } from "./answer.ts";
import { type Call, wholeCalls } from "./reply-calls.ts";

export type OutputItem = ResponseObject["output"][number];

export function outputText({ text, scores }: Pick<Choice, "text" | "scores">): OutputText {
  return { type: "output_text", text, annotations: [], logprobs: reportedScores(scores ?? []) };
}

export function outputMessage(id: string, part: OutputText, status: OutputMessage["status"]): OutputMessage {
  const content = status === "in_progress" ? [] : [part];
  return { id, type: "message", role: "assistant", status, content };
}

export function outputCall(id: string, call: Call, status: OutputCall["status"]): OutputCall {
  return { id, type: "function_call", call_id: call.id, name: call.name, arguments: call.arguments, status };
}

export function callItemId(): string {
  return newId("functionCall", (bytes) => crypto.getRandomValues(bytes));
}

/** A whole answer's items: its text, unless it is calls alone, and then its calls. One that was cut off ends incomplete. */
export function outputItems(message: string, choice: Choice): OutputItem[] {
  const calls = wholeCalls(choice.calls ?? []);
  const isCut = choice.finishReason === "length";
  const status = (isLast: boolean) => (isCut && isLast ? "incomplete" : "completed");
  const hasText = choice.text !== "" || calls.length === 0;
  return [
    ...(hasText ? [outputMessage(message, outputText(choice), status(calls.length === 0))] : []),
    ...calls.map((call, index) => outputCall(callItemId(), call, status(index === calls.length - 1))),
  ];
}
