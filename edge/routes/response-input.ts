/** The input of a response as the messages of a chat. */
import type { ChatMessage } from "../../shared/api/chat.ts";
import type { CreateResponse, InputItem } from "../../shared/api/responses.ts";
import { turnProblem } from "../../shared/api/tool-turns.ts";
import { TrimtabError } from "../../shared/errors.ts";

/** A message, and the item of the input that begins it; the instructions have none. */
interface Turn {
  readonly message: ChatMessage;
  readonly item: number | undefined;
}

/**
 * The input as a conversation, with the instructions before it. Calls that follow each other, or an assistant's text, are one
 * turn. Throws `invalid_request`, naming the item, for calls without results and results without calls.
 */
export function chatMessages({ input, instructions }: CreateResponse): ChatMessage[] {
  const turns: Turn[] = [];
  if (instructions !== undefined) turns.push({ message: { role: "system", content: instructions }, item: undefined });
  const items: readonly InputItem[] = typeof input === "string" ? [{ role: "user", content: input }] : input;
  for (const [item, one] of items.entries()) {
    if ("type" in one && one.type === "function_call") addCall(turns, one, item);
    else turns.push({ message: messageOf(one), item });
  }
  const messages = turns.map(({ message }) => message);
  const problem = turnProblem(messages);
  if (problem === undefined) return messages;
  const [, at] = problem.path;
  const param = `input[${turns[at as number]?.item ?? 0}]`;
  throw new TrimtabError("invalid_request", `\`${param}\` ${inItems(problem.message)}.`, { param });
}

/** Problems of turns in the words of items. */
function inItems(message: string): string {
  return message
    .replace('a message of role "tool" for each call', "a function_call_output for each call")
    .replace("the `tool_calls` of the assistant's turn before it", "the function_call items before it");
}

type CallItem = Extract<InputItem, { type: "function_call" }>;

function addCall(turns: Turn[], { call_id: id, name, arguments: given }: CallItem, item: number): void {
  const call = { id, type: "function" as const, function: { name, arguments: given } };
  const last = turns.at(-1);
  if (last?.message.role === "assistant") {
    const calls = [...(last.message.tool_calls ?? []), call];
    turns[turns.length - 1] = { ...last, message: { ...last.message, tool_calls: calls } };
  } else turns.push({ message: { role: "assistant", tool_calls: [call] }, item });
}

function messageOf(item: Exclude<InputItem, CallItem>): ChatMessage {
  if ("output" in item) return { role: "tool", tool_call_id: item.call_id, content: textOf(item.output) };
  return { role: item.role, content: textOf(item.content) };
}

type Parts = readonly ({ readonly text: string } | { readonly refusal: string })[];

function textOf(content: string | Parts): string {
  if (typeof content === "string") return content;
  return content.map((part) => ("refusal" in part ? part.refusal : part.text)).join("");
}
