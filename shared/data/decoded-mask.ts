/**
 * Shows in readable form which part of a token sequence a model trains on.
 */
import { type EncodedChat, IGNORED_LABEL } from "../model/chat-sequences.ts";
import type { Tokenizer } from "../model/tokenizer.ts";

/** Consecutive tokens that are all trained on, or all not. */
export interface MaskSegment {
  readonly text: string;
  readonly trained: boolean;
  readonly tokens: number[];
}

/** The segments' texts joined are the text of all tokens; a character that two segments share is in the later one. */
export function decodedMask(
  { ids, labels }: { readonly ids: ArrayLike<number>; readonly labels: ArrayLike<EncodedChat["labels"][number]> },
  tokenizer: Tokenizer,
): MaskSegment[] {
  const decoder = tokenizer.stream();
  const segments: { text: string; trained: boolean; tokens: number[] }[] = [];
  for (let at = 0; at < ids.length; at++) {
    const trained = labels[at] !== IGNORED_LABEL;
    let segment = segments.at(-1);
    if (segment?.trained !== trained) {
      segment = { text: "", trained, tokens: [] };
      segments.push(segment);
    }
    segment.tokens.push(ids[at]!);
    segment.text += decoder.push(ids[at]!);
  }
  const rest = decoder.flush();
  if (segments.length > 0) segments.at(-1)!.text += rest;
  return segments;
}

/** The segments as one text with the trained parts between ⟦ and ⟧; the longest parts are cut in the middle to fit. */
export function markedText(segments: readonly MaskSegment[], characters: number): string {
  const each = Math.max(16, Math.floor(characters / Math.max(1, segments.length)) - 3);
  const short = (text: string) =>
    text.length <= each ? text : `${text.slice(0, each >> 1)} … ${text.slice(text.length - (each >> 1))}`;
  const total = segments.reduce((sum, { text }) => sum + text.length + 2, 0);
  const shown = segments.map(({ text, trained }) => {
    const part = total > characters ? short(text) : text;
    return trained ? `⟦${part}⟧` : part;
  });
  const joined = shown.join("");
  return joined.length > characters ? `${joined.slice(0, characters - 1)}…` : joined;
}
