/**
 * Finds the text that a model must write for each of the assistant's turns, for arbitrary chat templates: the text
 * after the prompt that serving would show for the messages before the turn.
 */
import { TrimtabError } from "../errors.ts";
import type { ChatMessage } from "./chat-message.ts";
import { replyEnd } from "./reply-end.ts";
import type { TextPiece } from "./tokenizer.ts";

/** A range [start, end) of a rendered text. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/** One of the assistant's turns as it would be written when served. */
export interface Turn {
  /** The index of the message. */
  readonly message: number;
  /** The messages before it, rendered with the generation prompt. */
  readonly prompt: string;
  /** The text that the model must write after `prompt`, including the control token that ends the turn, if any. */
  readonly reply: string;
  /** Whether a control token ends the reply. */
  readonly closed: boolean;
  /** The template's text after the end of the turn. */
  readonly rest: string;
  /** The parts of `reply` to train on, in ascending order. */
  readonly trained: readonly TextRange[];
}

/** Treatment of a turn by a template that may surprise the author of the data. */
export const FINDINGS = {
  not_served: { one: "cannot be trained as it is served", many: "cannot be trained as they are served" },
  aligned: {
    one: "is trained behind a generation prompt that the template does not write before it in a conversation",
    many: "are trained behind a generation prompt that the template does not write before them in a conversation",
  },
  cut: { one: "is not shown whole by the template", many: "are not shown whole by the template" },
  header: {
    one: "includes its header, since the template has no generation prompt",
    many: "include their headers, since the template has no generation prompt",
  },
  block: {
    one: "is trained on in part, as the template's generation blocks say",
    many: "are trained on in part, as the template's generation blocks say",
  },
} as const;
export type FindingKind = keyof typeof FINDINGS;

export interface Finding {
  readonly kind: FindingKind;
  /** The index of the message. */
  readonly message: number;
  readonly detail: string;
}

export interface TurnInput {
  readonly messages: readonly ChatMessage[];
  /** The indices of the turns to find, in ascending order. */
  readonly targets: readonly number[];
  /** Throws where the template refuses the messages. */
  readonly render: (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string;
  /** The ranges of the rendered messages that generation blocks wrote; undefined where the template has no such blocks. */
  readonly blocks: (messages: readonly ChatMessage[], text: string) => readonly TextRange[] | undefined;
  readonly splitControl: (text: string) => TextPiece[];
  /** A character that occurs in none of the messages. */
  readonly unused: string;
  /** The tokens at which serving stops. */
  readonly stopIds: ReadonlySet<number>;
}

/**
 * Renders the conversation up to each turn, and the prompt that serving shows for the messages before it. If the prompt
 * is a prefix of the conversation, the reply begins right after it. Otherwise the reply moves behind the prompt, or is
 * left out if it cannot be located. Throws the template's error for the whole conversation.
 */
export function findTurns(input: TurnInput): { turns: Turn[]; findings: Finding[] } {
  const { messages, targets, render } = input;
  const turns: Turn[] = [];
  const findings: Finding[] = [];
  // Rendered first, so that a conversation that the template rejects fails with the template's own message.
  const whole = render(messages.slice(0, targets.at(-1)! + 1), false);
  for (const message of targets) {
    const notServed = (detail: string) => findings.push({ kind: "not_served", message, detail });
    let prompt: string;
    let text: string;
    try {
      prompt = render(messages.slice(0, message), true);
      text = message === targets.at(-1) ? whole : render(messages.slice(0, message + 1), false);
    } catch (error) {
      if (!(error instanceof TrimtabError)) throw error;
      notServed(`serving cannot show the messages before it: ${error.message}`);
      continue;
    }
    const start = startOf(input, { message, prompt, text });
    if (start === undefined) {
      notServed("the template writes the messages before it differently once it is there, so it cannot be located");
      continue;
    }
    const { turn, found } = turnAt(input, { message, prompt, text, ...start });
    turns.push(turn);
    findings.push(...found);
  }
  return { turns, findings };
}

interface RenderedTurn {
  readonly message: number;
  readonly prompt: string;
  /** The conversation up to the turn. */
  readonly text: string;
}

interface Start {
  /** Where the reply begins in the rendered text. */
  readonly start: number;
  /** Text of the reply that the template cut off before it. */
  readonly restored: string;
  readonly aligned: boolean;
}

/** Where a turn's reply begins, or undefined if that is unclear. */
function startOf(input: TurnInput, { message, prompt, text }: RenderedTurn): Start | undefined {
  if (text.startsWith(prompt)) return { start: prompt.length, restored: "", aligned: false };
  const history = commonPrefix(prompt, withoutPrompt(input, message) ?? text);
  const common = commonPrefix(prompt, text);
  if (common >= history) {
    const missing = prompt.slice(common);
    if (missing.trim() === "") {
      return { start: common + leadingSpace(text.slice(common)), restored: "", aligned: true };
    }
    const restored = beginningCutOff(missing, input.messages[message]!.content, text.slice(history));
    if (restored !== undefined) return { ...restored, start: history + restored.start, aligned: true };
  }
  const content = contentAt(input, { message, text });
  if (common < history) {
    // The template writes the history differently now, but the generation prompt may still show where the reply begins.
    const header = prompt.slice(history);
    const at = header.trim() === "" ? -1 : text.lastIndexOf(header, content);
    if (at >= 0) return { start: at + header.length, restored: "", aligned: true };
  }
  if (content !== undefined) return { start: content, restored: "", aligned: true };
  if (common < history) return undefined;
  // A reply without text, such as a call, begins where the two diverge, but never inside a word or a tag.
  const parting = text.slice(0, common).replace(/[<|\w]+$/, "").length;
  return { start: Math.max(parting, history), restored: "", aligned: true };
}

/** The messages before a turn without a generation prompt; undefined if the template rejects them. */
function withoutPrompt({ messages, render }: TurnInput, message: number): string | undefined {
  try {
    return render(messages.slice(0, message), false);
  } catch {
    return undefined;
  }
}

/** Where the content of the last turn of `text` begins; undefined if it is empty or not found. */
function contentAt(
  { messages, render, unused }: TurnInput,
  { message, text }: Pick<RenderedTurn, "message" | "text">,
): number | undefined {
  const turn = messages[message]!;
  const content = turn.content.trim();
  if (content === "") return undefined;
  try {
    const marked = render([...messages.slice(0, message), { ...turn, content: unused }], false);
    const at = marked.indexOf(unused);
    if (at >= 0 && [turn.content, content].some((shown) => text.startsWith(shown, at))) return at;
  } catch {
    // The template inspects the content, so this takes the last place with the same text.
  }
  const last = text.lastIndexOf(content);
  return last < 0 ? undefined : last;
}

/**
 * For a generation prompt that begins the reply (`<think>`), data whose reply begins in the same way, and a template
 * that cuts that beginning off: the data's text between the prompt and the part that the template kept.
 */
function beginningCutOff(
  missing: string,
  content: string,
  text: string,
): Pick<Start, "start" | "restored"> | undefined {
  const given = content.trim();
  const opening = [missing, missing.trim()].find((beginning) => given.startsWith(beginning));
  if (opening === undefined) return undefined;
  const reply = given.slice(opening.length);
  if (reply.trim() === "") return undefined;
  const lastLine = reply.slice(reply.lastIndexOf("\n") + 1);
  const at = text.lastIndexOf(lastLine);
  if (at < 0) return undefined;
  const end = at + lastLine.length;
  const kept = commonSuffix(reply, text.slice(0, end));
  return { start: end - kept, restored: reply.slice(0, reply.length - kept) };
}

function turnAt(
  input: TurnInput,
  { message, prompt, text, start, restored, aligned }: RenderedTurn & Start,
): { turn: Turn; found: Finding[] } {
  const { messages, splitControl, stopIds } = input;
  const { content, tool_calls: calls } = messages[message]!;
  const written = text.slice(start);
  const shown = content.trim();
  const found: Finding[] = [];
  const finding = (kind: FindingKind, detail: string) => found.push({ kind, message, detail });

  const { end, closed } = replyEnd({ written, content: shown, calls, splitControl, stopIds });
  const reply = restored + written.slice(0, end);
  const { trained, outside } = trainedParts();

  if (aligned) finding("aligned", `it is trained after the generation prompt ${quoted(`…${prompt.slice(-32)}`)}`);
  // The end of the prompt, and white space there, may be the beginning of the reply, such as <think>.
  const whole = prompt.slice(-shown.length - 4) + reply;
  if (shown !== "" && restored === "" && !unspaced(whole).includes(unspaced(shown))) {
    finding("cut", `of ${quoted(shown)} the template writes ${quoted(reply)}`);
  }
  const thought = reasoningOf(messages[message]!);
  if (thought !== "" && !unspaced(prompt + reply).includes(unspaced(thought))) {
    finding("cut", `the template does not write its reasoning ${quoted(thought)}`);
  }
  const header = shown === "" ? "" : written.slice(0, Math.max(0, written.indexOf(shown)));
  if (!aligned && header.trim() !== "" && withoutPrompt(input, message) === prompt) {
    finding("header", `the model learns to write ${quoted(header)} first, as it has to when it is served`);
  }
  if (outside !== "") finding("block", `the blocks leave out ${quoted(outside)}`);
  return { turn: { message, prompt, reply, closed, rest: text.slice(start + end), trained }, found };

  /** The reply without the parts that the template's generation blocks leave out; its end is always trained. */
  function trainedParts(): { trained: TextRange[]; outside: string } {
    const all = { trained: [{ start: 0, end: reply.length }], outside: "" };
    const blocks = restored === "" ? input.blocks(messages.slice(0, message + 1), text) : undefined;
    if (blocks === undefined) return all;
    const inside = blocks
      .map((block) => ({ start: Math.max(block.start - start, 0), end: Math.min(block.end - start, end) }))
      .filter((block) => block.end > block.start);
    const last = inside.at(-1);
    if (last === undefined) return all;
    const control = splitControl(reply.slice(last.end)).findLast((piece) => piece.id !== undefined);
    if (closed && control !== undefined) inside.push({ start: last.end + control.start, end: reply.length });
    const gaps = inside.map((block, index) => reply.slice(inside[index - 1]?.end ?? 0, block.start));
    const outside = [...gaps, reply.slice(inside.at(-1)!.end)].filter((gap) => gap.trim() !== "").join(" … ");
    return { trained: inside, outside };
  }
}

/** What a message carries beside its content for templates that write it, under the name that all of them read. */
function reasoningOf({ reasoning_content: reasoning }: ChatMessage): string {
  return typeof reasoning === "string" ? reasoning.trim() : "";
}

function commonPrefix(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

function commonSuffix(a: string, b: string): number {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a.at(-1 - length) === b.at(-1 - length)) length++;
  return length;
}

function leadingSpace(text: string): number {
  return text.length - text.trimStart().length;
}

function unspaced(text: string): string {
  return text.replaceAll(/\s+/g, "");
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 38)}…${text.slice(-38)}` : text);
}
