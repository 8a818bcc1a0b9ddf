/**
 * Conversations to token ids through the model's own chat template.
 *
 * The template's control tokens steer the model, the users' texts never do: before rendering, every control token that
 * somebody wrote in a message is replaced by a private-use character, and after the rendered text has been cut at the
 * template's control tokens the characters are put back, so that they are encoded as the plain text they are.
 */
import { TrimtabError } from "../errors.ts";
import type { ChatMessage } from "./chat-message.ts";
import { assistantSpans, type Span } from "./chat-spans.ts";
import { createMask, type Mask, type MaskedChat } from "./control-mask.ts";
import { compileTemplate } from "./template-sandbox.ts";
import type { TextPiece, Tokenizer } from "./tokenizer.ts";

export interface ChatOptions {
  /** Descriptions of the tools that the model may call, in the template's own form. */
  readonly tools?: readonly unknown[] | undefined;
  /** Further variables of the template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
  /** What a template that asks for today's date is told. */
  readonly date?: Date | undefined;
}

/** A conversation to learn from. */
export interface EncodedChat {
  readonly ids: number[];
  /** The id itself where the model should learn to produce it, −100 elsewhere; not shifted. */
  readonly labels: number[];
}

export interface ChatTemplate {
  /** Whether the template shows tools to the model. */
  readonly takesTools: boolean;
  /** The tokens that end an assistant's turn: what decoding stops at. Holds the end-of-text token too. */
  readonly stopIds: readonly number[];
  /** The rendered text, for people to read; not to be encoded. */
  render(messages: readonly ChatMessage[], options?: ChatOptions & { addGenerationPrompt?: boolean }): string;
  /** The ids of a conversation up to where the assistant's reply begins. */
  encodePrompt(messages: readonly ChatMessage[], options?: ChatOptions): number[];
  /**
   * The ids of a conversation and which of them to learn: the assistant's turns with weight 1, each with the token that
   * ends it, never a header. What follows the last such turn is left out. Where nothing ends a turn, the last one gets
   * the end-of-text token. A turn is encoded apart from its header, as it is when the model writes it.
   */
  encodeExample(messages: readonly ChatMessage[], options?: ChatOptions): EncodedChat;
}

export const IGNORED_LABEL = -100;

/** A fixed day, so that the same conversation always gives the same ids unless the caller says otherwise. */
const DEFAULT_DATE = new Date(Date.UTC(2024, 6, 26));

/**
 * Throws `invalid_model` when there is no template or it cannot be parsed. Rendering throws `invalid_request` when the
 * template refuses the messages, `unsupported_parameter` for tools that it does not show, `invalid_model` when it fails.
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
    const last = messages.findLastIndex(isLearnt);
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
    const learnt = spans.filter((span) => isLearnt(messages[span.message]!));
    return label(text, learnt, mask);
  }

  function label(text: string, spans: readonly Span[], mask: Mask): EncodedChat {
    const ids: number[] = [];
    const labels: number[] = [];
    const closed = spans.at(-1)!.closed;
    // Text that the template puts after the last turn without a token to end it would stand between it and its end.
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

/** A template that does not mention them would leave them out in silence. */
function requireToolSupport(param: "tools" | "messages", missing: boolean): void {
  if (!missing) return;
  const what = param === "tools" ? "tools" : "tool_calls";
  throw new TrimtabError(
    "unsupported_parameter",
    `this model's chat template has no place for ${what}; leave them out`,
    {
      param,
    },
  );
}

function isLearnt(message: ChatMessage): boolean {
  return message.role === "assistant" && message.weight !== 0;
}

/** The control token that the template writes right after an assistant's turn, if there is one. */
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
    // A template that refuses this conversation says so when it is used.
    return [];
  }
  const ending = text.slice(text.lastIndexOf(marker) + marker.length);
  const first = text.includes(marker)
    ? tokenizer.splitControl(ending).find((piece) => piece.id !== undefined)
    : undefined;
  return first === undefined ? [] : [first.id!];
}
