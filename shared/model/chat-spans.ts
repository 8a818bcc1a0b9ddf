/**
 * Locates the assistant's turns in a rendered conversation, for arbitrary chat templates.
 */
import { TrimtabError } from "../errors.ts";
import type { ChatMessage } from "./chat-message.ts";
import type { TextPiece } from "./tokenizer.ts";

/** A turn's text [start, end) in the rendered conversation, including the control token that ends it, if any. */
export interface Span {
  /** The index of the message. */
  readonly message: number;
  readonly start: number;
  readonly end: number;
  /** Whether the span includes a control token that ends the turn. */
  readonly closed: boolean;
}

export interface SpanInput {
  /** The whole rendered conversation. Its last message is the assistant's. */
  readonly text: string;
  readonly messages: readonly ChatMessage[];
  readonly render: (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string;
  readonly splitControl: (text: string) => TextPiece[];
  /** A character that occurs in none of the messages. */
  readonly unused: string;
}

/**
 * Finds the turns by rendering the conversation with markers in place of the assistant's texts. If that fails because the
 * template inspects those texts, renders the conversation up to each turn instead. Throws `invalid_model` when neither
 * reproduces the rendered text.
 */
export function assistantSpans(input: SpanInput): Span[] {
  const spans = spansByMarkers(input) ?? spansByPrefixes(input);
  if (spans === undefined) {
    throw new TrimtabError(
      "invalid_model",
      "the model's chat template cannot be used for training: the text before an assistant's turn depends on later " +
        "messages, so the assistant's tokens cannot be located; use a template that only appends",
    );
  }
  return spans;
}

/** White space that templates strip if they strip at all, but never write themselves. */
const EDGE = "\v\f\v";

/**
 * Renders the conversation with each of the assistant's texts replaced by a marker between white space. Everything around
 * the markers comes from the template; missing white space shows that the template strips the texts.
 * Returns undefined when putting the texts back does not reproduce the rendered conversation.
 */
function spansByMarkers({ text, messages, render, splitControl, unused }: SpanInput): Span[] | undefined {
  const turns = messages.flatMap((message, index) => (message.role === "assistant" ? [index] : []));
  const marker = (index: number) => `${unused}${index}${unused}`;
  const marked = render(
    messages.map((message, index) =>
      message.role === "assistant" ? { ...message, content: `${EDGE}${marker(index)}${EDGE}` } : message,
    ),
    false,
  );
  let rebuilt = "";
  let remaining = marked;
  const contents: { message: number; start: number; end: number }[] = [];
  for (const message of turns) {
    const [before, after, ...more] = remaining.split(marker(message));
    if (before === undefined || after === undefined || more.length > 0) return undefined;
    let content = messages[message]!.content;
    if (before.endsWith(EDGE)) rebuilt += before.slice(0, -EDGE.length);
    else {
      rebuilt += before;
      content = content.trimStart();
    }
    if (after.startsWith(EDGE)) remaining = after.slice(EDGE.length);
    else {
      remaining = after;
      content = content.trimEnd();
    }
    contents.push({ message, start: rebuilt.length, end: rebuilt.length + content.length });
    rebuilt += content;
  }
  if (rebuilt + remaining !== text) return undefined;

  // Only the text after the last turn is sure to end a turn; after an earlier one, the next header may follow directly.
  const control = splitControl(remaining).find((piece) => piece.id !== undefined);
  const closing = control === undefined ? undefined : remaining.slice(0, control.end);
  return contents.map(({ message, start, end }) => {
    const closed = closing !== undefined && text.startsWith(closing, end);
    return { message, start, end: closed ? end + closing.length : end, closed };
  });
}

/**
 * Renders the messages before each turn with the generation prompt: the turn starts where that text ends, and runs up to
 * the first control token, since the texts themselves contain none. Returns undefined when the conversation does not start
 * with that text.
 */
function spansByPrefixes({ text, messages, render, splitControl }: SpanInput): Span[] | undefined {
  const controls = splitControl(text).filter((piece) => piece.id !== undefined);
  const spans: Span[] = [];
  for (const [message, { role }] of messages.entries()) {
    if (role !== "assistant") continue;
    const before = render(messages.slice(0, message), true);
    if (!text.startsWith(before)) return undefined;
    const control = controls.find((piece) => piece.start >= before.length);
    if (control === undefined && message < messages.length - 1) return undefined;
    const end = control?.end ?? text.length;
    spans.push({ message, start: before.length, end, closed: control !== undefined });
  }
  return spans;
}
