/** IFEval's instructions on lists, highlights, sections and titles. Patterns of IFEval's that could take long are read by hand. */
import { escapePattern, isSpace, SPACE, strip, stripOf } from "../../text/python-text.ts";
import { Count, instructionKind, Phrase } from "../kind.ts";

/** Lines that begin with `*` or `-`, exactly so many. */
export const numberBulletLists = instructionKind(
  "detectable_format:number_bullet_lists",
  { num_bullets: Count },
  (text, { num_bullets }) => bulletsOf(text, "*") + bulletsOf(text, "-") === num_bullets,
);

/** Matches of `^\s*\*[^\*].*$` or `^\s*-.*$` on several lines: what is before a bullet may be blank lines. */
function bulletsOf(text: string, bullet: "*" | "-"): number {
  let count = 0;
  for (let line = 0; line <= text.length; ) {
    let at = line;
    while (at < text.length && isSpace(text[at]!)) at += 1;
    const next = text[at + 1];
    const isBullet = text[at] === bullet && (bullet === "-" || (next !== undefined && next !== "*"));
    if (isBullet) count += 1;
    // The character after `*` may be the end of the line, and the bullet is then the next one.
    const searched = isBullet && bullet === "*" ? at + 2 : at;
    if (isBullet && text[searched - 1] === "\n" && text[searched] === "\n") line = searched;
    else {
      const end = text.indexOf("\n", searched);
      if (end < 0) break;
      line = end + 1;
    }
  }
  return count;
}

/** Parts between single asterisks and between double ones, each counted. */
export const numberHighlightedSections = instructionKind(
  "detectable_format:number_highlighted_sections",
  { num_highlights: Count },
  (text, { num_highlights }) => {
    const single = (text.match(/\*[^\n*]*\*/g) ?? []).filter((part) => strip(stripOf(part, "*")) !== "");
    const double = (text.match(/\*\*[^\n*]*\*\*/g) ?? []).filter((part) => strip(part.slice(2, -2)) !== "");
    return single.length + double.length >= num_highlights;
  },
);

/** Sections that begin with a word and a number. */
export const multipleSections = instructionKind(
  "detectable_format:multiple_sections",
  { section_spliter: Phrase, num_sections: Count },
  (text, { section_spliter, num_sections }) => {
    const head = new RegExp(`${escapePattern(section_spliter)}[${SPACE}]?\\p{Nd}+`, "gu");
    return (text.match(head)?.length ?? 0) >= num_sections;
  },
);

/** A title in double angle brackets: `<<On tides>>`. */
export const title = instructionKind("detectable_format:title", {}, (text) =>
  text.split("\n").some((line) => {
    const [open, close] = [line.indexOf("<<"), line.lastIndexOf(">>")];
    if (open < 0 || close < open + 3) return false;
    const inner = stripOf(line.slice(open, close + 2), "<", { end: false });
    return strip(stripOf(inner, ">", { start: false })) !== "";
  }),
);
