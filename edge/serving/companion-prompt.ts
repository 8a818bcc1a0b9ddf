import type { CompanionPrompt } from "../../shared/decode/steering/part.ts";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import { encodeChat, encodeText } from "./prompt.ts";
import type { EngineMessage, GeneratePrompt } from "./protocol.ts";
import type { ServedModel } from "./served-model.ts";

export interface CompanionPromptRequest {
  /** The request's prompt, and its tokens as one of its choices has them. */
  readonly prompt: GeneratePrompt;
  readonly own: readonly number[];
  /** The field that asks for the companion. */
  readonly param: string;
}

/**
 * The tokens that stand before the text in a companion row. Throws `invalid_request`, naming the field, where the request or the
 * chat template cannot give such a prompt.
 */
export function companionPrompt(
  model: Pick<ServedModel, "tokenizer" | "template" | "config" | "capacity" | "callSyntax">,
  asked: CompanionPrompt,
  { prompt, own, param }: CompanionPromptRequest,
): readonly number[] {
  if (asked.kind === "own") return own;
  if (asked.kind === "tokens") return asked.ids;
  if (asked.kind === "instead" && asked.text === null) return own.slice(-1);
  if (prompt.kind === "text") {
    if (asked.kind === "instead" && asked.text !== null) return encodeText(model, asked.text, { param });
    throw refusal("leaves messages of a conversation out, but a completion has none; ask for a chat", param);
  }
  const messages = changedMessages(prompt.messages, asked, param);
  try {
    return encodeChat(model, { ...prompt, messages });
  } catch (error) {
    const why = messageOf(error);
    throw refusal(`makes a conversation that the model's chat template does not take: ${why}`, param);
  }
}

function changedMessages(
  messages: readonly EngineMessage[],
  asked: Exclude<CompanionPrompt, { kind: "own" } | { kind: "tokens" }>,
  param: string,
): readonly EngineMessage[] {
  const isSystem = ({ role }: EngineMessage) => role === "system";
  if (asked.kind === "instead") {
    const { text } = asked;
    return [
      ...(text === null ? [] : [{ role: "system", content: text } as const]),
      ...messages.filter((m) => !isSystem(m)),
    ];
  }
  const { message } = asked;
  const leftOut = (m: EngineMessage) => (message === "system" ? isSystem(m) : m.name === message.name);
  const left = messages.filter((m) => !leftOut(m));
  const what = message === "system" ? "system message" : `message with the name ${JSON.stringify(message.name)}`;
  if (left.length === messages.length) throw refusal(`leaves out the ${what}, but the request has none`, param);
  if (left.length === 0) throw refusal(`leaves out the ${what}, and then no message is left`, param);
  return left;
}

function refusal(why: string, param: string): TrimtabError {
  return new TrimtabError("invalid_request", `\`${param}\` ${why}.`, { param });
}
