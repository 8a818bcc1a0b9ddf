import { IRREGULAR, STEP_1A, STEP_2, STEP_3, STEP_4, type SuffixRule } from "./porter-rules.ts";

/**
 * The stem of a lower-case word (Porter, "An algorithm for suffix stripping", 1980), with what nltk's `PorterStemmer` adds by
 * default: irregular words, `ies` and `ied` after one letter, and `y` after a consonant alone. Lengths are code points.
 */
export function porterStem(word: string): string {
  const irregular = IRREGULAR.get(word);
  if (irregular !== undefined) return irregular;
  if (characters(word) <= 2) return word;
  return step5b(step5a(step4(step3(step2(step1c(step1b(step1a(word))))))));
}

function step1a(word: string): string {
  if (word.endsWith("ies") && characters(word) === 4) return without(word, 1);
  return replaced(word, STEP_1A, () => true);
}

function step1b(word: string): string {
  if (word.endsWith("ied")) return without(word, characters(word) === 4 ? 1 : 2);
  if (word.endsWith("eed")) return measure(without(word, 3)) > 0 ? without(word, 1) : word;
  const suffix = ["ed", "ing"].find((end) => word.endsWith(end) && isVowelled(without(word, end.length)));
  if (suffix === undefined) return word;
  const stem = without(word, suffix.length);
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsDouble(stem)) return /[lsz]$/.test(stem) ? stem : without(stem, [...stem.slice(-2)].length === 1 ? 2 : 1);
  return measure(stem) === 1 && endsShort(stem) ? `${stem}e` : stem;
}

function step1c(word: string): string {
  if (!word.endsWith("y")) return word;
  const kinds = consonants(without(word, 1));
  return kinds.length > 1 && kinds.at(-1) ? `${without(word, 1)}i` : word;
}

function step2(word: string): string {
  if (word.endsWith("alli") && measure(without(word, 4)) > 0) return step2(without(word, 2));
  if (STEP_2.some(([suffix]) => word.endsWith(suffix))) return replaced(word, STEP_2, (stem) => measure(stem) > 0);
  return word.endsWith("logi") && measure(without(word, 3)) > 0 ? without(word, 1) : word;
}

function step3(word: string): string {
  return replaced(word, STEP_3, (stem) => measure(stem) > 0);
}

function step4(word: string): string {
  return replaced(word, STEP_4, (stem, suffix) => measure(stem) > 1 && (suffix !== "ion" || /[st]$/.test(stem)));
}

function step5a(word: string): string {
  if (!word.endsWith("e")) return word;
  const stem = without(word, 1);
  const size = measure(stem);
  return size > 1 || (size === 1 && !endsShort(stem)) ? stem : word;
}

function step5b(word: string): string {
  return word.endsWith("ll") && measure(without(word, 1)) > 1 ? without(word, 1) : word;
}

/** Applies the first rule whose suffix the word ends in, where what is before it allows. */
function replaced(word: string, rules: readonly SuffixRule[], allows: (stem: string, suffix: string) => boolean) {
  const rule = rules.find(([suffix]) => word.endsWith(suffix));
  if (rule === undefined) return word;
  const [suffix, replacement] = rule;
  const stem = without(word, suffix.length);
  return allows(stem, suffix) ? stem + replacement : word;
}

/** The word without its last `units` code units. */
function without(word: string, units: number): string {
  return word.slice(0, word.length - units);
}

function characters(word: string): number {
  return [...word].length;
}

/** For each character whether it is a consonant: all but a, e, i, o, u, and y after a consonant. */
function consonants(word: string): boolean[] {
  const kinds: boolean[] = [];
  for (const character of word) kinds.push(character === "y" ? kinds.at(-1) !== true : !"aeiou".includes(character));
  return kinds;
}

function isVowelled(word: string): boolean {
  return consonants(word).includes(false);
}

/** How often a vowel is followed by a consonant: m in [C](VC)^m[V]. */
function measure(word: string): number {
  const kinds = consonants(word);
  return kinds.filter((isConsonant, i) => i > 0 && isConsonant && kinds[i - 1] === false).length;
}

function endsDouble(word: string): boolean {
  const [last, before] = [...word].reverse();
  return last !== undefined && last === before && consonants(word).at(-1) === true;
}

/** Whether the word ends in consonant, vowel, consonant but w, x, y, or is a vowel and a consonant. */
function endsShort(word: string): boolean {
  const kinds = consonants(word);
  const [last, before, first] = kinds.toReversed();
  if (last !== true || before !== false) return false;
  return kinds.length === 2 || (first === true && !/[wxy]$/.test(word));
}
