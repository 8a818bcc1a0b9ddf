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
import { compileTemplate } from "./template-sandbox.ts";
import type { TextPiece, Tokenizer } from "./tokenizer.ts";

export interface ChatOptions {
  /** Descriptions of the tools that the model may call, in the format that the template expects. */
  readonly tools?: readonly unknown[] | undefined;
  /** Additional template variables, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
  /** Today's date, for templates that use it. */
  readonly date?: Date | undefined;
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

/** Fixed, so that a conversation always gives the same ids unless the caller passes a date. */
const DEFAULT_DATE = new Date(Date.UTC(2024, 6, 26));

/**
 * Throws `invalid_model` when there is no template or it cannot be parsed. Rendering throws `invalid_request` when the
 * template rejects the messages, `unsupported_parameter` for tools that it does not render, `invalid_model` when it fails.
 */
export function loadChatTemplate(tokenizer: Tokenizer, source = tokenizer.chatTemplate): ChatTemplate {
  if (source === undefined) {
    throw new TrimtabError(
      "invalid_model",
      "the model has no chat template; add chat_template to its tokenizer_config.json, or use plain completions",
    );
  }
  const template = compileTemplate(source);
  const takesTools = template.reads("tools");
  const takesToolCalls = source.includes("tool_calls");
  const tokenText = (id: number | undefined) => (id === undefined ? "" : (tokenizer.tokenOf(id) ?? ""));
  const tokens = {
    bos_token: tokenText(tokenizer.bosId),
    eos_token: tokenText(tokenizer.eosId),
    pad_token: tokenText(tokenizer.padId),
  };

  function renderMasked(chat: MaskedChat, options: ChatOptions, addGenerationPrompt: boolean): string {
    requireToolSupport("tools", chat.tools.length > 0 && !takesTools);
    requireToolSupport(
      "messages",
      chat.messages.some((message) => message.tool_calls !== undefined) && !takesToolCalls,
    );
    return template.render(
      {
        documents: null,
        ...options.variables,
        ...tokens,
        tools: chat.tools.length > 0 ? chat.tools : null,
        messages: chat.messages,
        add_generation_prompt: addGenerationPrompt,
      },
      { messages: chat.messages.length, characters: chat.characters, date: options.date ?? DEFAULT_DATE },
    );
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
    const mask = createMask(tokenizer.control.keys());
    const chat = mask.apply(kept, options.tools ?? []);
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
      const mask = createMask(tokenizer.control.keys());
      const chat = mask.apply(messages, options.tools ?? []);
      return mask.remove(renderMasked(chat, options, options.addGenerationPrompt ?? false));
    },
    encodePrompt(messages, options = {}) {
      const mask = createMask(tokenizer.control.keys());
      const text = renderMasked(mask.apply(messages, options.tools ?? []), options, true);
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

/** Whether the model is trained to write this message. */
function isTarget(message: ChatMessage): boolean {
  return message.role === "assistant" && message.weight !== 0;
}

/** The control token that the template writes right after an assistant's turn, if any. */
function turnEnd(
  render: (chat: MaskedChat, options: ChatOptions, prompt: boolean) => string,
  tokenizer: Tokenizer,
): number[] {
  const marker = "\ue000reply\ue000";
  const messages = [
    { role: "user", content: "question" },
    { role: "assistant", content: marker },
  ];
  let text: string;
  try {
    text = render({ messages, tools: [], characters: 100 }, {}, false);
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
