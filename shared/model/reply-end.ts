/**
 * Finds where an assistant's reply ends in a rendered conversation.
 */
import type { TextPiece } from "./tokenizer.ts";

export interface ReplyInput {
  /** The rendered conversation from the beginning of the reply on. */
  readonly written: string;
  /** The message's content without white space around it. */
  readonly content: string;
  /** The message's `tool_calls`. */
  readonly calls: unknown;
  readonly splitControl: (text: string) => TextPiece[];
  /** The tokens at which serving stops. */
  readonly stopIds: ReadonlySet<number>;
}

export interface ReplyEnd {
  readonly end: number;
  /** Whether a control token ends the reply; it is before `end`. */
  readonly closed: boolean;
}

/**
 * A reply ends after the first stop token, or else the first control token, that follows the message's text; if there
 * is none, right after that text. A message without text ends after what the template writes for it.
 */
export function replyEnd({ written, content, calls, splitControl, stopIds }: ReplyInput): ReplyEnd {
  const pieces = splitControl(written);
  const contentAt = content === "" ? -1 : written.indexOf(content);
  const callsEnd = endOfCalls(written, calls);
  const own = Math.max(contentAt < 0 ? 0 : contentAt + content.length, callsEnd);
  const from = own > 0 ? own : endOfText(pieces);
  const stops = (piece: TextPiece) => piece.id !== undefined && stopIds.has(piece.id);
  const later = pieces.filter(({ id, start }) => id !== undefined && start >= from);
  // Text after the last stop, such as the header of a next turn, does not belong to the message.
  const control =
    later.find(stops) ??
    (callsEnd > 0 ? lastClosing(pieces) : undefined) ??
    (own > 0 ? undefined : pieces.find(stops)) ??
    later[0];
  if (control !== undefined) return { end: control.end, closed: true };
  const last = content === "" || callsEnd > 0 ? -1 : written.lastIndexOf(content);
  return { end: last < 0 ? written.trimEnd().length : last + content.length, closed: false };
}

/** The last of the control tokens with which a text ends: calls may have several in them, and close with several. */
export function lastClosing(pieces: readonly TextPiece[]): TextPiece | undefined {
  const from = endOfText(pieces);
  return pieces.findLast(({ id, start }) => id !== undefined && start >= from);
}

function endOfText(pieces: readonly TextPiece[]): number {
  return pieces.findLast(({ id, text }) => id === undefined && text.trim() !== "")?.end ?? 0;
}

/** Where the name of a turn's last call ends, or 0. */
function endOfCalls(written: string, calls: unknown): number {
  const last = Array.isArray(calls) ? (calls.at(-1) as { function?: { name?: unknown } } | undefined) : undefined;
  const name = last?.function?.name;
  const at = typeof name === "string" ? written.lastIndexOf(name) : -1;
  return at < 0 ? 0 : at + (name as string).length;
}
