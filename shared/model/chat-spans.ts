/**
 * Where the assistant's turns are in a rendered conversation, for templates that nobody here has seen before.
 */
import { TrimtabError } from "../errors.ts";
import type { ChatMessage } from "./chat-message.ts";
import type { TextPiece } from "./tokenizer.ts";

/** A turn's text [start, end) in the rendered conversation, with the control token that ends it where there is one. */
export interface Span {
  /** Index of the message. */
  readonly message: number;
  readonly start: number;
  readonly end: number;
  /** Whether the span's last part is a control token that ends the turn. */
  readonly closed: boolean;
}

export interface SpanInput {
  /** The whole conversation, rendered. Its last message is the assistant's. */
  readonly text: string;
  readonly messages: readonly ChatMessage[];
  readonly render: (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string;
  readonly splitControl: (text: string) => TextPiece[];
  /** A character that is in none of the messages. */
  readonly unused: string;
}

/**
 * Finds the turns by rendering markers in their place; where a template looks into what the assistant said, by rendering
 * the conversation up to each turn. Throws `invalid_model` when neither gives the text that was rendered.
 */
export function assistantSpans(input: SpanInput): Span[] {
  const spans = spansByMarkers(input) ?? spansByPrefixes(input);
  if (spans === undefined) {
    throw new TrimtabError(
      "invalid_model",
      "the model's chat template cannot be used for training: what it writes before an assistant's turn changes with " +
        "what follows, so there is no telling which tokens are the assistant's; use a template that only appends",
    );
  }
  return spans;
}

/** White space that templates strip where they strip any, and do not write themselves. */
const EDGE = "\v\f\v";

/**
 * Renders the conversation with a marker, between white space, for each of the assistant's texts. What is around the
 * markers is the template's; white space that is missing shows what the template strips from the texts.
 * Undefined when the parts put together again are not the conversation as rendered.
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
  let rest = marked;
  const contents: { message: number; start: number; end: number }[] = [];
  for (const message of turns) {
    const [before, after, ...more] = rest.split(marker(message));
    if (before === undefined || after === undefined || more.length > 0) return undefined;
    let content = messages[message]!.content;
    if (before.endsWith(EDGE)) rebuilt += before.slice(0, -EDGE.length);
    else {
      rebuilt += before;
      content = content.trimStart();
    }
    if (after.startsWith(EDGE)) rest = after.slice(EDGE.length);
    else {
      rest = after;
      content = content.trimEnd();
    }
    contents.push({ message, start: rebuilt.length, end: rebuilt.length + content.length });
    rebuilt += content;
  }
  if (rebuilt + rest !== text) return undefined;

  // What follows the last turn ends a turn; what follows an earlier one may be the next header as well.
  const control = splitControl(rest).find((piece) => piece.id !== undefined);
  const closing = control === undefined ? undefined : rest.slice(0, control.end);
  return contents.map(({ message, start, end }) => {
    const closed = closing !== undefined && text.startsWith(closing, end);
    return { message, start, end: closed ? end + closing.length : end, closed };
  });
}

/**
 * A turn begins where the conversation before it, rendered with the prompt for a reply, ends; it goes to the first
 * control token, since the texts themselves hold none. Undefined when the conversation does not begin like that.
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
