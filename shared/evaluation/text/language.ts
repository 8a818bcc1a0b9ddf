/** Which language a text is in. */
import { eld } from "eld/extrasmall";

/** The languages that can be asked for, as IFEval has them (ISO 639-1). */
export const LANGUAGES = [
  ...(["ar", "bg", "bn", "de", "en", "es", "fa", "fi", "fr", "gu", "he", "hi", "it", "ja", "kn"] as const),
  ...(["ko", "ml", "mr", "ne", "pa", "pl", "pt", "ru", "sw", "ta", "te", "th", "uk", "ur", "vi"] as const),
] as const;

/** Characters that are looked at: a reply that changes its language further on is judged by how it begins. */
const LOOKED_AT = 10_000;

interface WordSigns {
  readonly language: string;
  /** A frequent word, or the end of one. */
  readonly word: RegExp;
  /** Of all words at least. */
  readonly share: number;
}

/** The two languages of the list that the detector does not know, by words that its next best guesses have not. */
const BY_WORDS: readonly WordSigns[] = [
  {
    language: "ne",
    word: /^(?:छ|छन्|हो|हुन्|वा|र|तर|पनि|लागि|भने|भएको|गर्ने)$|^\p{Script=Devanagari}{3,}(?:छ|छन्|होस्|बाट|लाई|हरू|हरु|को|मा|ले)$/u,
    share: 0.15,
  },
  {
    language: "sw",
    word: /^(?:ya|wa|kwa|katika|ni|cha|kila|yake|hii|hiyo|kama|lakini|yao|wote|kuwa|pia|sana|yangu|wewe|mimi)$/u,
    share: 0.15,
  },
];

/** As ISO 639-1; undefined for a text without letters. */
export function languageOf(text: string): string | undefined {
  const start = text.slice(0, LOOKED_AT);
  if (!/\p{L}/u.test(start)) return undefined;
  const words = start.toLowerCase().match(/[\p{L}\p{M}']+/gu) ?? [];
  for (const { language, word, share } of BY_WORDS) {
    if (words.filter((one) => word.test(one)).length >= share * words.length) return language;
  }
  return eld.detect(start).language || undefined;
}
