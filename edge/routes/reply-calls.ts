/** The calls of an answer: their ids, which exist from here on, and their forms in a chat and in its stream. */
import type { ChatCompletion, ChatCompletionChunk } from "../../shared/api/chat.ts";
import { newId } from "../../shared/api/ids.ts";
import type { GenerateEvent } from "../../shared/decode/events.ts";

/** A piece of a call: the first has its id and name, and no arguments yet. */
export interface CallChange {
  readonly index: number;
  readonly id?: string;
  readonly name?: string;
  readonly arguments: string;
}

/** A call is the sum of its changes. */
export type Call = Required<CallChange>;

type CallEvent = Extract<GenerateEvent, { type: "call" } | { type: "arguments" }>;

export function callChange(event: CallEvent): CallChange {
  const { index } = event;
  if (event.type === "arguments") return { index, arguments: event.text };
  return { index, id: newId("call", (bytes) => crypto.getRandomValues(bytes)), name: event.name, arguments: "" };
}

export function wholeCalls(changes: readonly CallChange[]): Call[] {
  const calls: Call[] = [];
  for (const change of changes) {
    const call = calls[change.index] ?? { index: change.index, id: "", name: "", arguments: "" };
    calls[change.index] = { ...call, ...change, arguments: call.arguments + change.arguments };
  }
  return calls;
}

type Message = ChatCompletion["choices"][number]["message"];

/** What a message says: its text, which is null if it is calls alone, and its calls. */
export function messageContent(
  text: string,
  calls: readonly CallChange[] = [],
): Pick<Message, "content" | "tool_calls"> {
  if (calls.length === 0) return { content: text };
  return {
    content: text === "" ? null : text,
    tool_calls: wholeCalls(calls).map(({ id, name, arguments: given }) => ({
      id,
      type: "function",
      function: { name, arguments: given },
    })),
  };
}

type Delta = ChatCompletionChunk["choices"][number]["delta"];

export function deltaContent(text: string, calls: readonly CallChange[] = []): Pick<Delta, "content" | "tool_calls"> {
  if (calls.length === 0) return { content: text };
  return {
    tool_calls: calls.map(({ index, id, name, arguments: given }) =>
      id === undefined || name === undefined
        ? { index, function: { arguments: given } }
        : { index, id, type: "function", function: { name, arguments: given } },
    ),
  };
}
