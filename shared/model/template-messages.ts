/**
 * Messages in the form in which transformers and vLLM pass them to chat templates.
 */
import { messageOf, TrimtabError } from "../errors.ts";
import type { ChatMessage } from "./chat-message.ts";
import { Budget } from "./template/budget.ts";
import { toValue } from "./template/convert.ts";
import { fromJson, toJson } from "./template/json.ts";

/** How a template takes a tool call's arguments: nearly all as an object, a few as JSON text that they print. */
export type ArgumentsForm = "object" | "text";

/** The names under which a message may carry its reasoning; templates read the first, gpt-oss's the second. */
const REASONING = ["reasoning_content", "thinking", "reasoning"] as const;

/**
 * Drops fields that are null and empty lists of tool calls, gives reasoning the names that templates read, and brings
 * tool calls' arguments, which OpenAI's clients send as JSON text, into the template's form. Throws `invalid_request`,
 * naming the message, for arguments that are not JSON.
 */
export function templateMessages(messages: readonly ChatMessage[], form: ArgumentsForm): ChatMessage[] {
  return messages.map((message, index) => {
    const given = Object.fromEntries(Object.entries(message).filter(([, value]) => (value ?? null) !== null));
    const name = REASONING.find((field) => given[field] !== undefined);
    const named = name === undefined ? given : { thinking: given[name], ...given, reasoning_content: given[name] };
    const { tool_calls: calls, ...rest } = named;
    if (!Array.isArray(calls)) return named as unknown as ChatMessage;
    if (calls.length === 0) return rest as unknown as ChatMessage;
    const converted = calls.map((call, at) => withArguments(call, form, `messages[${index}].tool_calls[${at}]`));
    return { ...named, tool_calls: converted } as unknown as ChatMessage;
  });
}

function withArguments(call: unknown, form: ArgumentsForm, path: string): unknown {
  if (!isRecord(call)) return call;
  if (isRecord(call.function)) {
    const { arguments: given } = call.function;
    return { ...call, function: { ...call.function, arguments: inForm(given, form, `${path}.function.arguments`) } };
  }
  // Some datasets leave out the wrapper that OpenAI puts around name and arguments.
  return "arguments" in call ? { ...call, arguments: inForm(call.arguments, form, `${path}.arguments`) } : call;
}

function inForm(given: unknown, form: ArgumentsForm, path: string): unknown {
  const isText = typeof given === "string";
  const parsed = isText && given.trim() !== "" ? parse(given, path) : isText ? {} : (given ?? {});
  if (form === "object") return parsed;
  return isText && given.trim() !== "" ? given : jsonText(parsed);
}

/** Reads JSON like Python: keys keep their order and `1.0` stays a float, so the template prints what was sent. */
function parse(text: string, path: string): unknown {
  try {
    return fromJson(text);
  } catch (error) {
    throw new TrimtabError(
      "invalid_request",
      `${path} is not valid JSON (${messageOf(error)}); send the arguments as a JSON object or as its text`,
      { param: "messages", cause: error },
    );
  }
}

function jsonText(value: unknown): string {
  const options = { ensureAscii: false, indent: undefined, itemSeparator: ", ", keySeparator: ": ", sortKeys: false };
  return toJson(toValue(value), options, new Budget({ messages: 1, characters: 1_000_000 }));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
