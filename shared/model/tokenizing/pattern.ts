/** The patterns of a `tokenizer.json`: literal text, or a regular expression of Oniguruma. */
import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { messageOf } from "../../errors.ts";
import { quoteName } from "../../formats/strict-json.ts";
import { unusable } from "./part.ts";

export const patternSchema = z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })]);
export type Pattern = z.infer<typeof patternSchema>;

/** What the Rust library's `\w` matches. */
export const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
/** Not JavaScript's `\s`, which has U+FEFF and lacks U+0085. */
export const SPACE = "\\p{White_Space}";

/** A global expression. Throws `invalid_model` if JavaScript has no equivalent. */
export function compilePattern(pattern: Pattern): RegExp {
  if ("String" in pattern) {
    return pattern.String === "" ? /(?!)/gu : new RegExp(escapeLiteral(pattern.String), "gu");
  }
  const source = pattern.Regex;
  if (source.includes("(?>")) {
    throw unusable(`its pattern ${quoteName(source)} has an atomic group (?>…), which is not supported`);
  }
  try {
    const config = { type: "Split", pattern: { Regex: foldBeyondAscii(source) }, behavior: "Isolated", invert: false };
    const compiled = new SplitPreTokenizer(config as ConstructorParameters<typeof SplitPreTokenizer>[0]).pattern;
    if (compiled !== null) return compiled;
  } catch (error) {
    throw unusable(`its pattern ${quoteName(source)} is not supported: ${messageOf(error)}`, error);
  }
  throw unusable(`its pattern ${quoteName(source)} is not supported`);
}

export function escapeLiteral(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/**
 * The library folds ASCII letters alone inside `(?i:…)`; Oniguruma also matches ſ (U+017F) as s and K (U+212A) as k,
 * so both are added to what such a group may match.
 */
function foldBeyondAscii(source: string): string {
  let folded = "";
  let inClass = false;
  /** For each open group, whether it ignores case. */
  const groups: boolean[] = [];
  for (let at = 0; at < source.length; at++) {
    const character = source[at]!;
    if (character === "\\") {
      folded += source.slice(at, at + 2);
      at++;
      continue;
    }
    if (!inClass && character === "(") groups.push(source.startsWith("(?i:", at) || groups.at(-1) === true);
    if (!inClass && character === ")") groups.pop();
    const ignoresCase = groups.at(-1) === true;
    const twin = ignoresCase ? FOLDS.get(character) : undefined;
    if (inClass && ignoresCase && /^(?:a-z|A-Z)/.test(source.slice(at, at + 3))) folded += "\u017f\u212a";
    if (twin === undefined) folded += character;
    else if (!inClass) folded += `[${character}${twin}]`;
    else folded += source[at - 1] === "-" ? character + twin : twin + character;
    if (character === "[") inClass = true;
    if (character === "]") inClass = false;
  }
  return folded;
}

const FOLDS: ReadonlyMap<string, string> = new Map([
  ["s", "\u017f"],
  ["S", "\u017f"],
  ["k", "\u212a"],
  ["K", "\u212a"],
]);
