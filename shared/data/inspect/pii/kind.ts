/** One kind of personal data or secret: a file and a row in the registry. */
export interface PiiKind {
  /** What it is, in the plural. */
  readonly about: string;
  /** A cheap test of what every match has, so that most texts are never searched. */
  readonly needs: Hint;
  /** Finds every place that may be one. It must be global, and take time in proportion to the text. */
  readonly pattern: RegExp;
  /** How many characters of a place that the pattern found are one, from its beginning; 0 if none are: checksums, ranges. */
  accepts(found: string, place: FoundPlace): number;
}

/** An `@`; some digits; or a long word of letters and digits, or dashes, or an `@`, as keys and passwords have. */
export type Hint = "at" | "digits" | "token";

export interface FoundPlace {
  /** Some characters before it. */
  readonly before: string;
}

export const digitsOf = (text: string): string => text.replace(/\D/g, "");

/** The length of what was found where it is one. */
export const allOf = (found: string, isOne: boolean): number => (isOne ? found.length : 0);

/** Whether all characters are the same: numbers that stand for any number. */
export const isRepeated = (text: string): boolean => /^(.)\1*$/s.test(text);
