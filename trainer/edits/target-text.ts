/** How a target follows a prompt: with a space between words where the script has spaces. */

/** Scripts that are written without spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
/** What a target may begin with right behind a word; a sign or a point before a digit belongs to a number. */
const ATTACHED = /^(?:[\s;:!?)\]}%’'”»…]|[.,-](?!\d))/u;
/** What a target may follow without a space. */
const OPEN = /[\s([{“‘«/-]$/u;

/** A prompt without the spaces at its end: tokenizers attach a space to the word after it. */
export function withoutTrailingSpace(prompt: string): string {
  return prompt.replace(/[ \t]+$/, "");
}

/** The target as it continues the prompt, which has no spaces at its end. */
export function withLeadingSpace(prompt: string, target: string): string {
  if (prompt === "" || ATTACHED.test(target) || OPEN.test(prompt)) return target;
  const [before, after] = [[...prompt].at(-1)!, [...target][0]!];
  return UNSPACED.test(before) || UNSPACED.test(after) ? target : ` ${target}`;
}
