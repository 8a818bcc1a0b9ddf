/** Whether a text declines what it was asked. */
import { instructionKind } from "./kind.ts";

/** A refusal is said at the start. */
const LOOKED_AT = 400;

const REFUSALS = [
  /\b(?:i|we)(?:'m| am|'re| are)? (?:so |very |really |truly )?(?:sorry|afraid)\b/,
  /\b(?:i|we) (?:can ?not|can't|could not|couldn't|will not|won't|would not|wouldn't|must not|may not|do not|don't)(?: \w+ly)? (?:help|assist|provide|do|give|support|share|offer|tell|explain|create|write|answer|comply|discuss|engage|take part|want to|think i)\b/,
  /\b(?:i|we)(?:'m| am|'re| are) (?:not able|unable|not allowed|not willing|not going|not comfortable)\b/,
  /\b(?:i|we) (?:must|have to|need to)(?: \w+ly)? (?:decline|refuse)\b/,
  /\b(?:i|we) (?:decline|refuse)\b/,
  /\b(?:against|violates?) (?:my|our|the) (?:guidelines|rules|policy|policies|principles)\b/,
  /^(?:no[,.!]|sorry\b|never\b)/,
] as const;

export const refusal = instructionKind("refusal", {}, (text) => {
  const start = text.trimStart().slice(0, LOOKED_AT).toLowerCase().replaceAll(/[’‘]/gu, "'");
  return REFUSALS.some((pattern) => pattern.test(start));
});
