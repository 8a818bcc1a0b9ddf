/**
 * Locates what a template's `{% generation %}` blocks write: the part of a conversation that its author wants to be learnt.
 */

/** The variable that a marked template writes wherever a block begins or ends. */
export const BLOCK_MARK = "generation_block_mark";

/** A range [start, end) of a rendered text. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

const TAG = /(^[ \t]+)?\{%([-+]?)\s*(?:end)?generation\s*([-+]?)%\}(\r?\n)?/gm;

/**
 * The template with `BLOCK_MARK` in place of every `generation` tag, or undefined if it has none. White space around a mark
 * is treated as around the tag, with `trim_blocks` and `lstrip_blocks` on, so the texts differ by nothing but the marks.
 */
export function markGenerationBlocks(source: string): string | undefined {
  let found = false;
  const marked = source.replace(TAG, (_, indent = "", left: string, right: string, newline = "") => {
    found = true;
    const before = left === "+" ? indent : "";
    const after = right === "+" ? newline : "";
    return `${before}{{${left === "-" ? "-" : ""} ${BLOCK_MARK} ${right === "-" ? "-" : ""}}}${after}`;
  });
  return found ? marked : undefined;
}

/**
 * The ranges of `text` that the blocks wrote, given what the marked template renders of the same messages. Returns
 * undefined if that is not `text` with marks in pairs, for instance because the template cuts its own output.
 */
export function generationBlocks(marked: string, mark: string, text: string): TextRange[] | undefined {
  const parts = marked.split(mark);
  if (parts.length % 2 === 0 || parts.join("") !== text) return undefined;
  const blocks: TextRange[] = [];
  let at = 0;
  for (const [index, { length }] of parts.entries()) {
    if (index % 2 === 1) blocks.push({ start: at, end: at + length });
    at += length;
  }
  return blocks;
}
