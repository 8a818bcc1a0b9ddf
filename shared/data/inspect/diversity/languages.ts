/** Which languages texts are in, by eld's statistics of letters. Short texts are told apart less well. */
import { eld } from "eld/extrasmall";

export interface LanguageShare {
  /** ISO 639-1; `und` where the text is too short, or no language, such as code or numbers. */
  readonly language: string;
  readonly lines: number;
  readonly share: number;
  readonly first_line: number;
}

const UNDETERMINED = "und";
const LOOKED_AT = 300;

/** The language of a text's beginning. */
export function languageOf(text: string): string {
  const start = text.slice(0, LOOKED_AT);
  return /\p{L}{2}/u.test(start) ? eld.detect(start).language || UNDETERMINED : UNDETERMINED;
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
