/**
 * Tries a model's chat template before the model is added, so that it does not fail when it is used.
 */
import { TrimtabError } from "../errors.ts";
import type { ChatMessage } from "./chat-message.ts";
import { type ChatOptions, type ChatTemplate, loadChatTemplate } from "./chat-template.ts";
import { UnsupportedError } from "./template/failure.ts";
import type { Tokenizer } from "./tokenizer.ts";

const QUESTION: ChatMessage = { role: "user", content: "What is the weather in Zürich?" };
const SYSTEM: ChatMessage = { role: "system", content: "Be brief." };
const REPLY: ChatMessage = { role: "assistant", content: "It is sunny." };
const TOOL = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string", description: "The city's name." } },
      required: ["city"],
    },
  },
};
const CALL = { id: "call00001", type: "function", function: { name: "get_weather", arguments: '{"city": "Zürich"}' } };
const TOOL_TURNS: readonly ChatMessage[] = [
  QUESTION,
  { role: "assistant", content: "", tool_calls: [CALL] },
  { role: "tool", tool_call_id: CALL.id, name: "get_weather", content: "sunny" },
];

/** Every template must render these, or reject them with its own message. */
const PLAIN: readonly (readonly ChatMessage[])[] = [[QUESTION], [QUESTION, REPLY, QUESTION]];
/** A template may fail on these as it would anywhere, but not because it uses something unsupported here. */
const OPTIONAL: readonly (readonly [readonly ChatMessage[], ChatOptions])[] = [
  [[SYSTEM, QUESTION, REPLY], {}],
  [[QUESTION], { tools: [TOOL] }],
  [TOOL_TURNS, { tools: [TOOL] }],
];

/**
 * Renders sample conversations with the model's template. Does nothing for a model without one. Throws `invalid_model`,
 * naming the construct or the line, when the template cannot be parsed, uses something unsupported, fails on a plain
 * conversation, or rejects all of them.
 */
export function checkChatTemplate(tokenizer: Tokenizer): void {
  if (tokenizer.chatTemplate === undefined) return;
  const template = loadChatTemplate(tokenizer, { clock: () => new Date(0) });
  const rejections = PLAIN.flatMap((messages) => attempt(template, messages, {}) ?? []);
  for (const error of rejections) if (error.code !== "invalid_request") throw onSample(error);
  if (rejections.length === PLAIN.length) throw onSample(rejections[0]!);
  for (const [messages, options] of OPTIONAL) {
    const error = attempt(template, messages, options);
    if (error?.cause instanceof UnsupportedError) throw onSample(error);
  }
}

/** The first error that rendering raises, with and without a generation prompt. */
function attempt(
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  options: ChatOptions,
): TrimtabError | undefined {
  try {
    for (const addGenerationPrompt of [true, false]) template.render(messages, { ...options, addGenerationPrompt });
    return undefined;
  } catch (error) {
    if (error instanceof TrimtabError) return error;
    throw error;
  }
}

function onSample(error: TrimtabError): TrimtabError {
  return new TrimtabError("invalid_model", `${error.message} (tried on a sample conversation)`, { cause: error });
}
