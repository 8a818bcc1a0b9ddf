/** Which languages texts are in, by tinyld's statistics of letters. Short texts are told apart less well. */
import { detect, supportedLanguages, toISO2 } from "tinyld";

export interface LanguageShare {
  /** ISO 639-1; `und` where the text is too short, or no language, such as code or numbers. */
  readonly language: string;
  readonly lines: number;
  readonly share: number;
  readonly first_line: number;
}

/** Constructed languages are left out: short English is taken for Esperanto more often than anybody writes it. */
const CONSTRUCTED = new Set(["epo", "vol", "tlh"]);
const NATURAL = supportedLanguages.filter((code) => !CONSTRUCTED.has(code)).map(toISO2);
const UNDETERMINED = "und";
const LOOKED_AT = 300;

/** The language of a text's beginning. */
export function languageOf(text: string): string {
  const start = text.slice(0, LOOKED_AT);
  return /\p{L}{2}/u.test(start) ? detect(start, { only: NATURAL }) || UNDETERMINED : UNDETERMINED;
}

/** Counts languages, the most common first. */
export function languageMix(found: readonly { readonly line: number; readonly language: string }[]): LanguageShare[] {
  const mix = new Map<string, { lines: number; first_line: number }>();
  for (const { line, language } of found) {
    const known = mix.get(language);
    if (known === undefined) mix.set(language, { lines: 1, first_line: line });
    else known.lines += 1;
  }
  return [...mix]
    .map(([language, { lines, first_line }]) => ({ language, lines, share: lines / found.length, first_line }))
    .sort((a, b) => b.lines - a.lines || a.first_line - b.first_line);
}
