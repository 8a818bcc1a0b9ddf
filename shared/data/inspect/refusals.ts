/** Replies that refuse: assistants learn to refuse harmless questions from few of them. Found by how replies begin, in English. */

const APOLOGY = `(?:(?:oh,? |well,? )?(?:i['’]?m|i am|we are|we['’]re) (?:very |really |so |truly )?(?:sorry|afraid)|sorry|apologies|(?:i |my |we )?(?:sincerely |deeply )?apologi[sz]e)`;
const UNABLE = `(?:(?:can(?:not|['’]?t| not)|could(?: not|n['’]?t)|will not|won['’]?t|am not able to|['’]m not able to|am unable to|['’]m unable to|(?:do not|don['’]t) feel comfortable|am not comfortable|['’]m not comfortable|must (?:decline|refuse)|have to (?:decline|refuse)|decline to|refuse to))`;
const HELP = `(?:help|assist|provide|fulfil|fulfill|comply|support|engage|participate|create|generate|write|give|answer|discuss|share|do that|do this|recommend|offer|continue|access|browse|complete|satisfy|respond|teach|tell|condone|promote|with)`;

/** How a refusal is worded; a reply counts under the first that fits. */
const PATTERNS = {
  cannot_help: new RegExp(
    String.raw`^(?:${APOLOGY}[^.!?\n]{0,40}?)?\b(?:i|we) ?${UNABLE}\b[^.!?\n]{0,60}?\b${HELP}\b`,
    "i",
  ),
  as_an_ai:
    /^[^.!?\n]{0,80}?\bas an? (?:ai|a\.i\.|artificial intelligence|language model|large language model|virtual assistant)\b[^.!?\n]{0,80}?\b(?:cannot|can['’]?t|unable|not able|do(?:n['’]t| not) (?:have|possess)|not (?:capable|programmed|designed|allowed)|must decline)/i,
  apology: new RegExp(
    String.raw`^${APOLOGY}[,.:!]?\s*(?:but|as|however|i|we|this|that)\b[^\n]{0,100}?\b(?:can(?:not|['’]?t| not)|unable|not able|won['’]?t|will not|not (?:possible|appropriate|allowed)|against)\b`,
    "i",
  ),
  inappropriate:
    /^(?:this|that|your|the) (?:request|question|prompt|content|topic)[^.!?\n]{0,40}?\b(?:is|violates?|goes)\b[^.!?\n]{0,40}?\b(?:inappropriate|harmful|unethical|illegal|against|not (?:appropriate|acceptable|something))/i,
  cannot_answer:
    /^(?:(?:unfortunately|sorry),? )?(?:(?:the|this|that) (?:question|answer|information) (?:can(?:not|['’]?t) be|is not|isn['’]t)|(?:there is|there['’]s) (?:not enough|no|insufficient) (?:information|context)|i (?:do not|don['’]t) have (?:enough|access) ?\b)[^.!?\n]{0,60}/i,
} as const;

export type RefusalPattern = keyof typeof PATTERNS;
export const REFUSAL_PATTERNS = Object.keys(PATTERNS) as RefusalPattern[];

/** A refusal is told in its first sentences. */
const LOOKED_AT = 300;

/** How a reply refuses; undefined if it does not. */
export function refusalIn(reply: string): RefusalPattern | undefined {
  const start = reply.trimStart().slice(0, LOOKED_AT);
  return REFUSAL_PATTERNS.find((name) => PATTERNS[name].test(start));
}
