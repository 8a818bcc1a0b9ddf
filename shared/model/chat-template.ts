/**
 * Turns conversations into token ids with the model's own chat template.
 *
 * Only the template may produce control tokens, never a user's text. Before rendering, every control token written in a
 * message is replaced by a private-use character. The rendered text is split at the template's control tokens, and only
 * then is the original text restored, to be encoded as plain text.
 */
import { TrimtabError } from "../errors.ts";
import type { ChatMessage } from "./chat-message.ts";
import { assistantSpans, type Span } from "./chat-spans.ts";
import { createMask, type Mask, type MaskedChat } from "./control-mask.ts";
import { compileTemplate } from "./template/compile.ts";
import { type ArgumentsForm, templateMessages } from "./template-messages.ts";
import type { TextPiece, Tokenizer } from "./tokenizer.ts";

export interface ChatOptions {
  /** Descriptions of the tools that the model may call, in the format that the template expects. */
  readonly tools?: readonly unknown[] | undefined;
  /** Additional template variables, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

export interface ChatTemplateOptions {
  /** The Jinja source; the model's own by default. */
  readonly source?: string | undefined;
  /** What templates write as today's date, in UTC. Without it, a template that asks for the date cannot be rendered. */
  readonly clock?: (() => Date) | undefined;
}

/** A conversation to train on. */
export interface EncodedChat {
  readonly ids: number[];
  /** The id for target tokens, −100 elsewhere; not shifted. */
  readonly labels: number[];
}

export interface ChatTemplate {
  /** Whether the template renders tools. */
  readonly takesTools: boolean;
  /** The tokens that end an assistant's turn, where decoding stops. Includes the end-of-text token. */
  readonly stopIds: readonly number[];
  /** The rendered text, for display only; do not encode it. */
  render(messages: readonly ChatMessage[], options?: ChatOptions & { addGenerationPrompt?: boolean }): string;
  /** The ids of a conversation up to the start of the assistant's reply. */
  encodePrompt(messages: readonly ChatMessage[], options?: ChatOptions): number[];
  /**
   * The ids of a conversation and its target tokens: the assistant's turns except those of weight 0, each with the token
   * that ends it, never a header. Everything after the last such turn is dropped. If no token ends that turn, the
   * end-of-text token is added. A turn is encoded separately from its header, as when the model generates it.
   */
  encodeExample(messages: readonly ChatMessage[], options?: ChatOptions): EncodedChat;
}

export const IGNORED_LABEL = -100;

/**
 * Throws `invalid_model` when there is no template, it cannot be parsed, or it uses something unsupported. Rendering throws
 * `invalid_request` when the template rejects the messages, `unsupported_parameter` for tools that it does not render,
 * `invalid_model` when it fails.
 */
export function loadChatTemplate(tokenizer: Tokenizer, options: ChatTemplateOptions = {}): ChatTemplate {
  const { source = tokenizer.chatTemplate, clock } = options;
  if (source === undefined) {
    throw new TrimtabError(
      "invalid_model",
      "the model has no chat template; add chat_template to its tokenizer_config.json, or use plain completions",
    );
  }
  const template = compileTemplate(source);
  const takesTools = template.reads("tools");
  const takesToolCalls = source.includes("tool_calls");

  function renderMasked(chat: MaskedChat, options: RenderOptions, addGenerationPrompt: boolean): string {
    requireToolSupport("tools", chat.tools.length > 0 && !takesTools);
    requireToolSupport(
      "messages",
      chat.messages.some((message) => message.tool_calls !== undefined) && !takesToolCalls,
    );
    return template.render(
      {
        documents: null,
        ...options.variables,
        ...tokenizer.namedTokens,
        tools: chat.tools.length > 0 ? chat.tools : null,
        messages: chat.messages,
        add_generation_prompt: addGenerationPrompt,
      },
      { messages: chat.messages.length, characters: chat.characters, date: options.date ?? clock?.() },
    );
  }

  /** How the template takes tool calls' arguments, found out when the first message has one. */
  let argumentsForm: ArgumentsForm | undefined;

  function masked(messages: readonly ChatMessage[], options: ChatOptions): { mask: Mask; chat: MaskedChat } {
    if (messages.some((message) => (message.tool_calls ?? null) !== null)) argumentsForm ??= formOf(renderMasked);
    const mask = createMask(tokenizer.control.keys());
    return { mask, chat: mask.apply(templateMessages(messages, argumentsForm ?? "object"), options.tools ?? []) };
  }

  function idsOf(piece: TextPiece, mask: Mask): number[] {
    return piece.id === undefined
      ? tokenizer.encode(mask.remove(piece.text), { continues: piece.start > 0 })
      : [piece.id];
  }

  function encodeExample(messages: readonly ChatMessage[], options: ChatOptions = {}): EncodedChat {
    const last = messages.findLastIndex(isTarget);
    if (last < 0) return { ids: [], labels: [] };
    const kept = messages.slice(0, last + 1).map(({ weight: _, ...message }) => message as ChatMessage);
    const { mask, chat } = masked(kept, options);
    const render = (given: readonly ChatMessage[], addGenerationPrompt: boolean) =>
      renderMasked({ ...chat, messages: given }, options, addGenerationPrompt);
    const text = render(chat.messages, false);
    const spans = assistantSpans({
      text,
      messages: chat.messages,
      render,
      splitControl: tokenizer.splitControl,
      unused: mask.unused,
    });
    const targets = spans.filter((span) => isTarget(messages[span.message]!));
    return label(text, targets, mask);
  }

  function label(text: string, spans: readonly Span[], mask: Mask): EncodedChat {
    const ids: number[] = [];
    const labels: number[] = [];
    const closed = spans.at(-1)!.closed;
    // If no token ends the last turn, drop the template's text after it, so that end-of-text directly follows the turn.
    const used = closed ? text : text.slice(0, spans.at(-1)!.end);
    for (const piece of tokenizer.splitControl(
      used,
      spans.flatMap(({ start, end }) => [start, end]),
    )) {
      const inside = spans.some((span) => piece.start >= span.start && piece.end <= span.end);
      for (const id of idsOf(piece, mask)) {
        ids.push(id);
        labels.push(inside ? id : IGNORED_LABEL);
      }
    }
    if (!closed) {
      ids.push(tokenizer.eosId);
      labels.push(tokenizer.eosId);
    }
    return { ids, labels };
  }

  return {
    takesTools,
    stopIds: [...new Set([tokenizer.eosId, ...turnEnd(renderMasked, tokenizer)])],
    render(messages, options = {}) {
      const { mask, chat } = masked(messages, options);
      return mask.remove(renderMasked(chat, options, options.addGenerationPrompt ?? false));
    },
    encodePrompt(messages, options = {}) {
      const { mask, chat } = masked(messages, options);
      const text = renderMasked(chat, options, true);
      return tokenizer.splitControl(text).flatMap((piece) => idsOf(piece, mask));
    },
    encodeExample,
  };
}

/** Rejects tools that the template would silently ignore. */
function requireToolSupport(param: "tools" | "messages", missing: boolean): void {
  if (!missing) return;
  const what = param === "tools" ? "tools" : "tool_calls";
  throw new TrimtabError("unsupported_parameter", `this model's chat template does not support ${what}; remove them`, {
    param,
  });
}

/** The date is for samples, which do without a clock. */
type RenderOptions = ChatOptions & { readonly date?: Date };
type RenderMasked = (chat: MaskedChat, options: RenderOptions, addGenerationPrompt: boolean) => string;

/** "text" if the template fails with a tool call's arguments as an object and renders them as a text. */
function formOf(render: RenderMasked): ArgumentsForm {
  const renders = (form: ArgumentsForm) => {
    const call = { id: "call00001", type: "function", function: { name: "name", arguments: '{"key": "value"}' } };
    const messages = templateMessages(
      [
        { role: "user", content: "question" },
        { role: "assistant", content: "", tool_calls: [call] },
      ],
      form,
    );
    try {
      render({ messages, tools: [], characters: 100 }, { date: new Date(0) }, false);
      return true;
    } catch {
      return false;
    }
  };
  return !renders("object") && renders("text") ? "text" : "object";
}

/** Whether the model is trained to write this message. */
function isTarget(message: ChatMessage): boolean {
  return message.role === "assistant" && message.weight !== 0;
}

/** The control token that the template writes right after an assistant's turn, if any. */
function turnEnd(render: RenderMasked, tokenizer: Tokenizer): number[] {
  const marker = "\ue000reply\ue000";
  const messages = [
    { role: "user", content: "question" },
    { role: "assistant", content: marker },
  ];
  let text: string;
  try {
    text = render({ messages, tools: [], characters: 100 }, { date: new Date(0) }, false);
  } catch {
    // A template that rejects this conversation reports that when it is used.
    return [];
  }
  const ending = text.slice(text.lastIndexOf(marker) + marker.length);
  const first = text.includes(marker)
    ? tokenizer.splitControl(ending).find((piece) => piece.id !== undefined)
    : undefined;
  return first === undefined ? [] : [first.id!];
}
