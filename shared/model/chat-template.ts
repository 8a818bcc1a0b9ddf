/**
 * Turns conversations into token ids with the model's own chat template.
 *
 * Only the template may produce control tokens, never a user's text. Before rendering, every control token written in a
 * message is replaced by a private-use character. The rendered text is split at the template's control tokens, and only
 * then is the original text restored, to be encoded as plain text.
 */
import { TrimtabError } from "../errors.ts";
import type { ChatMessage } from "./chat-message.ts";
import { type EncodedChat, encodeTurns, type TurnSequence } from "./chat-sequences.ts";
import { type Finding, findTurns } from "./chat-spans.ts";
import { createMask, type Mask, type MaskedChat } from "./control-mask.ts";
import { lastClosing } from "./reply-end.ts";
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
  /** The date that templates write as today's, in UTC. A template that uses the date cannot be rendered without it. */
  readonly clock?: (() => Date) | undefined;
}

export { type EncodedChat, IGNORED_LABEL } from "./chat-sequences.ts";
export type { Finding } from "./chat-spans.ts";

/** A conversation to train on. */
export interface TrainingChat {
  /**
   * In each, the ids before a trained turn are those that `encodePrompt` gives for the messages before it. Empty if
   * there is no turn to train on, or none that serving could produce.
   */
  readonly sequences: readonly TurnSequence[];
  /** Findings that may surprise the author of the data, by turn. */
  readonly findings: readonly Finding[];
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
   * The ids of a conversation and its target tokens: everything that the model must write for the assistant's turns
   * except those of weight 0, from the end of the prompt that serving shows to the token that ends the turn, or the
   * end-of-text token where the template writes none. Everything after the last such turn is dropped. There is one
   * sequence unless the template shows a turn differently once others follow.
   */
  encodeTraining(messages: readonly ChatMessage[], options?: ChatOptions): TrainingChat;
  /** The last sequence of `encodeTraining`, which has the last turn, for callers that need exactly one. */
  encodeExample(messages: readonly ChatMessage[], options?: ChatOptions): EncodedChat;
}

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

  const hasGenerationBlocks = GENERATION_TAG.test(source);

  function renderMarked(
    chat: MaskedChat,
    options: RenderOptions,
    addGenerationPrompt: boolean,
  ): ReturnType<typeof template.renderMarked> {
    requireToolSupport("tools", chat.tools.length > 0 && !takesTools);
    requireToolSupport(
      "messages",
      chat.messages.some((message) => message.tool_calls !== undefined) && !takesToolCalls,
    );
    return template.renderMarked(
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

  const renderMasked: RenderMasked = (chat, options, addGenerationPrompt) =>
    renderMarked(chat, options, addGenerationPrompt).text;

  /** The template's form for tool call arguments, detected when the first message has one. */
  let argumentsForm: ArgumentsForm | undefined;

  function masked(messages: readonly ChatMessage[], options: ChatOptions): { mask: Mask; chat: MaskedChat } {
    if (messages.some((message) => (message.tool_calls ?? null) !== null)) argumentsForm ??= formOf(renderMasked);
    const mask = createMask(tokenizer.control.keys());
    return { mask, chat: mask.apply(templateMessages(messages, argumentsForm ?? "object"), options.tools ?? []) };
  }

  const stopIds = turnEnds(renderMasked, tokenizer, takesToolCalls);

  function idsOf(piece: TextPiece, mask: Mask): number[] {
    return piece.id === undefined
      ? tokenizer.encode(mask.remove(piece.text), { continues: piece.start > 0 })
      : [piece.id];
  }

  function encodeTraining(messages: readonly ChatMessage[], options: ChatOptions = {}): TrainingChat {
    const targets = messages.flatMap((message, index) => (isTarget(message) ? [index] : []));
    if (targets.length === 0) return { sequences: [], findings: [] };
    const kept = messages.slice(0, targets.at(-1)! + 1).map(({ weight: _, ...message }) => message as ChatMessage);
    const { mask, chat } = masked(kept, options);
    const { turns, findings } = findTurns({
      messages: chat.messages,
      targets,
      render: (given, addGenerationPrompt) => renderMasked({ ...chat, messages: given }, options, addGenerationPrompt),
      blocks: (given, text) => {
        if (!hasGenerationBlocks) return undefined;
        const marked = renderMarked({ ...chat, messages: given }, options, false);
        return marked.text === text ? marked.generations : undefined;
      },
      splitControl: tokenizer.splitControl,
      unused: mask.unused,
      stopIds,
    });
    return {
      sequences: encodeTurns({ tokenizer, turns, unmask: mask.remove }),
      findings: findings.map((finding) => ({ ...finding, detail: mask.remove(finding.detail) })),
    };
  }

  return {
    takesTools,
    stopIds: [...stopIds],
    render(messages, options = {}) {
      const { mask, chat } = masked(messages, options);
      return mask.remove(renderMasked(chat, options, options.addGenerationPrompt ?? false));
    },
    encodePrompt(messages, options = {}) {
      const { mask, chat } = masked(messages, options);
      const text = renderMasked(chat, options, true);
      return tokenizer.splitControl(text).flatMap((piece) => idsOf(piece, mask));
    },
    encodeTraining,
    encodeExample(messages, options) {
      const { ids, labels } = encodeTraining(messages, options).sequences.at(-1) ?? { ids: [], labels: [] };
      return { ids, labels };
    },
  };
}

const GENERATION_TAG = /\{%[-+]?\s*generation\b/;

/** Rejects tools that the template would silently ignore. */
function requireToolSupport(param: "tools" | "messages", missing: boolean): void {
  if (!missing) return;
  const what = param === "tools" ? "tools" : "tool_calls";
  throw new TrimtabError("unsupported_parameter", `this model's chat template does not support ${what}; remove them`, {
    param,
  });
}

/** A fixed date for samples, so that they need no clock. */
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

/** The tokens that end an assistant's turn: of a text, and of a call where the template writes calls. */
function turnEnds(render: RenderMasked, tokenizer: Tokenizer, takesToolCalls: boolean): Set<number> {
  const stops = new Set([tokenizer.eosId]);
  const marker = "\ue000reply\ue000";
  const call = { id: "call00000", type: "function", function: { name: marker, arguments: { [marker]: marker } } };
  const replies: ChatMessage[] = [{ role: "assistant", content: marker }];
  if (takesToolCalls) replies.push({ role: "assistant", content: "", tool_calls: [call] });
  for (const reply of replies) {
    let text: string;
    try {
      text = render(
        { messages: [{ role: "user", content: "question" }, reply], tools: [], characters: 100 },
        { date: new Date(0) },
        false,
      );
    } catch {
      // A template that rejects this conversation reports that when it is used.
      continue;
    }
    const at = text.lastIndexOf(marker);
    if (at < 0) continue;
    const after = tokenizer.splitControl(text.slice(at + marker.length));
    const isStop = ({ id }: TextPiece) => id !== undefined && stops.has(id);
    const end =
      reply.tool_calls === undefined
        ? after.find(({ id }) => id !== undefined)
        : (after.find(isStop) ?? lastClosing(after));
    if (end !== undefined) stops.add(end.id!);
  }
  return stops;
}
