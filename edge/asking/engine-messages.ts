import type { CreateChatCompletion } from "../../shared/api/chat.ts";
import type { EngineCall, EngineMessage } from "../serving/protocol.ts";

/** Messages with their parts joined; `developer` is what newer models call `system`. */
export function engineMessages(messages: CreateChatCompletion["messages"]): EngineMessage[] {
  const called = new Map<string, string>();
  return messages.map((message) => {
    const { role } = message;
    const reasoning = role === "assistant" ? message.reasoning_content : undefined;
    const calls = callsOf(message);
    for (const call of calls) called.set(call.id, call.function.name);
    // Some templates show which function a result is of.
    const name = role === "tool" ? (message.name ?? called.get(message.tool_call_id)) : message.name;
    return {
      role: role === "developer" ? "system" : role,
      content: role === "assistant" ? replyText(message) : joined(message.content),
      ...(name === undefined ? {} : { name }),
      ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
      ...(role === "tool" ? { tool_call_id: message.tool_call_id } : {}),
    };
  });
}

/** The calls of a turn, without what SDKs add to them. */
function callsOf(message: CreateChatCompletion["messages"][number]): EngineCall[] {
  const calls = message.role === "assistant" ? (message.tool_calls ?? []) : [];
  return calls.map(({ id, type, function: { name, arguments: given } }) => {
    return { id, type, function: { name, arguments: given } };
  });
}

type Reply = Extract<CreateChatCompletion["messages"][number], { role: "assistant" }>;

/** The text of an assistant's turn: a refusal is ordinary text, and a turn may be empty. */
function replyText({ content, refusal }: Reply): string {
  return content === undefined ? (refusal ?? "") : joined(content);
}

function joined(content: NonNullable<Reply["content"]>): string {
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? part.text : part.refusal)).join("");
}
