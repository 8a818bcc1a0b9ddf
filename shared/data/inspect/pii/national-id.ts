/** Numbers that states give to people, where they carry a checksum or a shape that little else has. */
import { allOf, digitsOf, isRepeated, type PiiKind } from "./kind.ts";

interface NationalId {
  readonly country: string;
  readonly shape: RegExp;
  holds(digits: string, found: string, before: string): boolean;
}

const weighted = (digits: string, weights: readonly number[]) =>
  weights.reduce((sum, weight, at) => sum + weight * Number(digits[at]), 0);
const near = (words: RegExp, before: string) => words.test(before);

const IDS: readonly NationalId[] = [
  {
    country: "United States",
    shape: /\d{3}-\d{2}-\d{4}/,
    // Social Security numbers: no area 000, 666 or 9xx, no group 00, no serial 0000, and two numbers of advertisements.
    holds: (digits) =>
      !/^(?:000|666|9)/.test(digits) &&
      !/^\d{3}00/.test(digits) &&
      !digits.endsWith("0000") &&
      digits !== "078051120" &&
      digits !== "123456789",
  },
  {
    country: "United Kingdom",
    shape: /[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]/,
    holds: (_, found) => !/^(?:BG|GB|KN|NK|NT|TN|ZZ)/.test(found),
  },
  {
    country: "Spain",
    shape: /[XYZ]?-?\d{7,8}-?[A-Z]/,
    holds(_, found) {
      const code = found.replaceAll("-", "");
      const number = code.slice(0, -1).replace(/^[XYZ]/, (letter) => String("XYZ".indexOf(letter)));
      return number.length === 8 && "TRWAGMYFPDXBNJZSQVHLCKE"[Number(number) % 23] === code.at(-1);
    },
  },
  {
    country: "France",
    shape: /[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}/,
    holds(_, found) {
      const code = found.replaceAll(" ", "").replace("2A", "19").replace("2B", "18");
      return 97 - Number(BigInt(code.slice(0, 13)) % 97n) === Number(code.slice(13));
    },
  },
  {
    country: "Italy",
    shape: /[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]/,
    holds: (_, found) => fiscalLetter(found) === found[15],
  },
  {
    country: "Brazil",
    shape: /\d{3}\.\d{3}\.\d{3}-\d{2}/,
    holds: (digits) => cpfDigit(digits.slice(0, 9)) === digits[9] && cpfDigit(digits.slice(0, 10)) === digits[10],
  },
  {
    country: "China",
    shape: /\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]/,
    holds: (_, found) =>
      "10X98765432"[weighted(found, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11] === found[17],
  },
  {
    country: "India",
    shape: /[2-9]\d{3} \d{4} \d{4}/,
    holds: (digits) => passesVerhoeff(digits),
  },
  {
    country: "Netherlands",
    shape: /\d{9}/,
    // Any nine digits pass with 1 in 11, so a word has to say what they are.
    holds: (digits, _, before) =>
      weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0 &&
      near(/\b(?:bsn|burgerservice\w*)\b[^\n]{0,16}$/i, before),
  },
  {
    country: "Germany",
    shape: /\d{2} ?\d{3} ?\d{3} ?\d{3}/,
    holds: (digits, _, before) =>
      germanTaxDigit(digits) === digits[10] && near(/\b(?:steuer\w*|idnr|tin|tax id)\b[^\n]{0,24}$/i, before),
  },
];

const SHAPES = IDS.map(({ shape }) => `(?:${shape.source})`).join("|");

export const nationalId: PiiKind = {
  about: "numbers of identity cards, tax and social security",
  needs: "digits",
  pattern: new RegExp(`(?<![\\w.-])(?:${SHAPES})(?!\\w|[.-]\\w)`, "g"),
  accepts(found, { before }) {
    const digits = digitsOf(found);
    if (isRepeated(digits)) return 0;
    const isOne = IDS.some(({ shape, holds }) => isWhole(shape, found) && holds(digits, found, before));
    return allOf(found, isOne);
  },
};

const isWhole = (shape: RegExp, text: string) => shape.exec(text)?.[0] === text;

/** ISO 7064, MOD 11,10, as the Bundeszentralamt für Steuern uses it. */
function germanTaxDigit(digits: string): string {
  let product = 10;
  for (const digit of digits.slice(0, 10)) {
    const sum = (Number(digit) + product) % 10 || 10;
    product = (2 * sum) % 11;
  }
  return String((11 - product) % 10);
}

function cpfDigit(digits: string): string {
  const weights = Array.from(digits, (_, at) => digits.length + 1 - at);
  const rest = (10 * weighted(digits, weights)) % 11;
  return String(rest % 10);
}

/** The odd places of a codice fiscale count by this table, even ones by their value. */
const ODD = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

function fiscalLetter(code: string): string {
  let sum = 0;
  for (let at = 0; at < 15; at++) {
    const value = Number.parseInt(code[at]!, 36);
    const place = value > 9 ? value - 10 : value;
    sum += at % 2 === 0 ? ODD[place]! : place;
  }
  return String.fromCharCode(65 + (sum % 26));
}

/** Verhoeff's check in the dihedral group of order ten; every eighth place is permuted alike. */
function passesVerhoeff(digits: string): boolean {
  const permute = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
  let check = 0;
  for (let at = 0; at < digits.length; at++) {
    let digit = Number(digits[digits.length - 1 - at]);
    for (let times = 0; times < at % 8; times++) digit = permute[digit]!;
    check = dihedral(check, digit);
  }
  return check === 0;
}

function dihedral(a: number, b: number): number {
  if (a < 5) return b < 5 ? (a + b) % 5 : 5 + ((a + b) % 5);
  return b < 5 ? 5 + ((a - b + 5) % 5) : (a - b + 5) % 5;
}
