import { allOf, digitsOf, isRepeated, type PiiKind } from "./kind.ts";

/**
 * Numbers in international form, and national ones with separators: bare digits could be anything. Dates, times and ranges of years
 * are told apart by their shape.
 */
export const phone: PiiKind = {
  about: "telephone numbers",
  needs: "digits",
  pattern: /(?<![\w.+/-])(?:\+|00(?=[1-9]))?\(?\d{1,4}\)?(?:[ ./-]{0,2}\(?\d{2,5}\)?){2,5}(?![\w/]|[.-]\d)/g,
  accepts: (found, { before }) => allOf(found, isPhone(found, before)),
};

function isPhone(found: string, before: string): boolean {
  const digits = digitsOf(found);
  const international = /^(?:\+|00[1-9])/.test(found);
  if (digits.length < (international ? 8 : 9) || digits.length > 15 || isRepeated(digits.slice(-7))) return false;
  if (international) return true;
  if (!/[ ()./-]/.test(found)) return false;
  if (/^(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ]\d{1,2}\b/.test(found)) return false;
  // Groups of three are as often a large number; a first 0, brackets, hyphens or a word say that it is called.
  const named = /\b(?:tel|phone|call|mobile|cell|fax|whatsapp|telefon|téléphone|teléfono)\b[^\n]{0,16}$/i.test(before);
  return named || /^\(?0[1-9]/.test(found) || /^1?[ .-]?\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[ .-]\d{4}$/.test(found);
}
