/**
 * Control tokens inside generated text. An answer shows none, but calls are written with them, and a model may spell the same
 * characters with ordinary tokens. So a control token of the syntax becomes a mark that no text can contain: two high
 * surrogates, the second of which says which token it is. Decoded text has high surrogates only before low ones.
 */
import type { StreamDecoder } from "../stream-decoder.ts";
import type { Tokenizer } from "../tokenizer.ts";
import type { CallSyntax } from "./syntax.ts";

const FIRST = "\udbff";
const SECOND = 0xd800;
/** Second surrogates that differ from the first one. */
const MAX_MARKS = 0x3ff;

export type Marks = ReadonlyMap<number, string>;

/** A mark for each control token in the syntax. */
export function marksOf(syntax: CallSyntax, tokenizer: Tokenizer): Marks {
  const texts = [
    syntax.preamble + syntax.open,
    syntax.afterText?.open ?? "",
    ...syntax.call.map((part) => ("text" in part ? part.text : "")),
    syntax.between ?? "",
    syntax.close,
  ];
  const ids = texts.flatMap((text) => tokenizer.splitControl(text).flatMap(({ id }) => id ?? []));
  return new Map(
    [...new Set(ids)].slice(0, MAX_MARKS).map((id, index) => [id, FIRST + String.fromCharCode(SECOND + index)]),
  );
}

/**
 * A text of the syntax as `markingDecoder` decodes it: without the spaces after a mark. Tokenizers that mark the beginnings of
 * words add or remove one there.
 */
export function marked(text: string, tokenizer: Tokenizer, marks: Marks): string {
  let afterMark = false;
  let all = "";
  for (const piece of tokenizer.splitControl(text)) {
    const mark = piece.id === undefined ? undefined : (marks.get(piece.id) ?? "");
    const shown = mark ?? (afterMark ? piece.text.replace(LEADING_SPACES, "") : piece.text);
    if (shown !== "") afterMark = mark !== undefined;
    all += shown;
  }
  return all;
}

const LEADING_SPACES = /^ +/;

/** The text without its marks, as an answer shows it. */
export function withoutMarks(text: string): string {
  return text.includes(FIRST) ? text.replace(/\udbff[\ud800-\udbfe]/g, "") : text;
}

/** Decodes tokens to text with marks, without the spaces after a mark. Other control tokens add nothing to the text. */
export function markingDecoder(tokenizer: Tokenizer, marks: Marks): StreamDecoder {
  const controls = new Map([...tokenizer.control].map(([text, id]) => [id, text]));
  // Control tokens go through the decoder too: a token after one is not the first of a text, and keeps its space.
  const stream = tokenizer.stream();
  let afterMark = false;
  const shown = (text: string) => {
    const rest = afterMark ? text.replace(LEADING_SPACES, "") : text;
    if (rest !== "") afterMark = false;
    return rest;
  };
  return {
    push(id) {
      const control = controls.get(id);
      const text = stream.push(id);
      if (control === undefined) return shown(text);
      // What remains is an incomplete character before the control token.
      const before = shown(text.endsWith(control) ? text.slice(0, text.length - control.length) : "");
      const mark = marks.get(id);
      if (mark !== undefined) afterMark = true;
      return before + (mark ?? "");
    },
    flush: () => shown(stream.flush()),
  };
}
