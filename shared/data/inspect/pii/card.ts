import { allOf, digitsOf, isRepeated, type PiiKind } from "./kind.ts";

/** ISO/IEC 7812: the number's digits, every second one doubled from the right, add up to a multiple of ten. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at++) {
    const digit = Number(digits[digits.length - 1 - at]);
    const doubled = at % 2 === 1 ? 2 * digit : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** First digits and lengths of the schemes in use. */
const SCHEMES: readonly (readonly [start: RegExp, lengths: readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:6011|64[4-9]|65)/, [16, 19]],
  [/^3(?:0[0-5]|[689])/, [14, 16]],
  [/^35(?:2[89]|[3-8])/, [16, 19]],
  [/^62/, [16, 17, 18, 19]],
  [/^(?:5018|5020|5038|5[6-9]|6304|6759|676[1-3])/, [12, 13, 14, 15, 16, 17, 18, 19]],
];

export const card: PiiKind = {
  about: "payment card numbers",
  needs: "digits",
  pattern: /(?<![\w.-])\d(?:[ -]?\d){11,18}(?![\w]|[.-]\d)/g,
  accepts(found) {
    const digits = digitsOf(found);
    if (isRepeated(digits)) return 0;
    const isKnown = SCHEMES.some(([start, lengths]) => start.test(digits) && lengths.includes(digits.length));
    return allOf(found, isKnown && passesLuhn(digits));
  },
};
