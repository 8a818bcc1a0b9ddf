/** What a model is asked of an item: messages that are filled in, or those that the item has. */
import { z } from "zod";
import { ChatMessage } from "../api/chat.ts";
import { TrimtabError } from "../errors.ts";
import { type GraderMessages, renderMessages } from "../graders/kinds/messages.ts";
import { parseTemplate } from "../graders/template.ts";
import { wordIssue } from "../issue-words.ts";
import { LIMITS } from "../limits.ts";
import { NO_SAMPLE } from "./samples.ts";

export type InputMessages =
  | { readonly type: "template"; readonly template: GraderMessages }
  | { readonly type: "item_reference"; readonly item_reference: string };

/** The field of a request that has the template. */
export const TEMPLATE = "data_source.input_messages.template";

/** The steps of a reference such as `item.input`. Throws invalid_request, naming `param`, for what is none. */
export function referenceSteps(reference: string, param: string): readonly string[] {
  const [path, ...more] = parseTemplate(`{{${reference}}}`, param);
  if (typeof path === "object" && path.namespace === "item" && more.length === 0) return path.steps;
  const message = `\`${param}\` must be the path of messages in the item, such as item.input.`;
  throw new TrimtabError("invalid_request", message, { param });
}

const Messages = z.array(ChatMessage).min(1).max(LIMITS.messages);

/** @throws TrimtabError invalid_request for what the item lacks, and for messages that are none */
export function inputMessages(input: InputMessages, item: unknown): ChatMessage[] {
  if (input.type === "template") {
    const observation = { item, sample: NO_SAMPLE };
    const messages = renderMessages(input.template, { observation, list: TEMPLATE });
    if ("flaw" in messages) throw new TrimtabError("invalid_request", "the messages name a sample, and there is none");
    return messages.map(({ role, content }) => ({ role, content }));
  }
  const param = "data_source.input_messages.item_reference";
  let value: unknown = item;
  for (const step of referenceSteps(input.item_reference, param)) {
    const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, step);
    value = isThere ? (value as Readonly<Record<string, unknown>>)[step] : undefined;
  }
  if (value === undefined) {
    const message = `\`${param}\` names ${input.item_reference}, which the item does not have.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  if (typeof value === "string") return [{ role: "user", content: value }];
  const read = Messages.safeParse(withTextParts(value));
  if (read.success) return read.data;
  const { field, problem } = wordIssue(read.error, value);
  const place = `${input.item_reference}${field.startsWith("[") || field === "" ? field : `.${field}`}`;
  const message = `${place}, which \`${param}\` names, holds no messages: it ${problem}.`;
  throw new TrimtabError("invalid_request", message, { param });
}

/** Parts of responses are parts of chats by another type. */
function withTextParts(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((message) => {
    if (typeof message !== "object" || message === null) return message;
    const { type, content, ...rest } = message as { type?: unknown; content?: unknown };
    const own = type === undefined || type === "message" ? rest : { type, ...rest };
    if (!Array.isArray(content)) return content == null ? own : { ...own, content };
    const isText = (part: unknown): part is { text: unknown } =>
      ["input_text", "output_text"].includes(((part ?? {}) as { type?: string }).type ?? "");
    return { ...own, content: content.map((part) => (isText(part) ? { type: "text", text: part.text } : part)) };
  });
}
