/**
 * What instructions ask for, as the verb of their first sentence and the noun that it is about, such as "write" and "story": the
 * plot of Self-Instruct's figure 3 (Wang et al., 2023). English only. The pair is read off parts of speech, not from a parse.
 */

export interface TaggedWord {
  readonly text: string;
  /** A Universal Dependencies part of speech. */
  readonly pos: string;
  readonly lemma: string;
}

export interface VerbNoun {
  readonly verb: string;
  /** null where the verb has no object, as in "Explain how it works". */
  readonly noun: string | null;
}

/** What may stand before the verb of an order or a question: "Please", "Could you", "How do I". */
const BEFORE_VERB = new Set(["INTJ", "ADV", "PUNCT", "SPACE", "CCONJ", "SCONJ", "SYM", "NUM", "PRON", "AUX", "PART"]);
/** Verbs, nouns and adjectives of phrases that lead up to what is asked: "I would like you to", "Your task is to". */
const LEADING = /^(?:please|kindly|like|want|need|task|job|goal|able|possible)$/i;
/** What may stand between a verb and the head of its object. */
const BETWEEN = new Set(["DET", "ADJ", "NUM", "PRON", "ADV", "SYM"]);
/** What an object begins with: a word before it that is not known as a verb is one, since taggers take first words for names. */
const BEGINS_OBJECT = new Set(["DET", "NUM", "ADJ", "PRON"]);
const PARTICLE = /^(?:down|up|out|off|over|away)$/i;
const CLAUSE = /^(?:how|why|when|where|whether|that|if)$/i;
const MOST_BETWEEN = 12;

/** The pair of a sentence; undefined if it has no verb that says what to do. */
export function verbNounOf(words: readonly TaggedWord[]): VerbNoun | undefined {
  const at = words.findIndex(({ pos, text }) => !BEFORE_VERB.has(pos) && !LEADING.test(text));
  const found = words[at];
  if (found === undefined) return undefined;
  const isNamed = found.pos === "PROPN" || found.pos === "NOUN";
  const isVerb = found.pos === "VERB" || (isNamed && BEGINS_OBJECT.has(words[at + 1]?.pos ?? ""));
  return isVerb ? { verb: found.lemma.toLowerCase(), noun: objectAfter(words, at) } : undefined;
}

function objectAfter(words: readonly TaggedWord[], verb: number): string | null {
  for (let at = verb + 1; at < words.length && at <= verb + MOST_BETWEEN; at++) {
    const { pos, text } = words[at]!;
    if (pos === "NOUN" || pos === "PROPN") return headOf(words, at);
    // "Explain how", "Decide whether": a clause follows, and no noun of it is the object.
    if (CLAUSE.test(text)) return null;
    if (!BETWEEN.has(pos) && !isJoined(words, at)) return null;
  }
  return null;
}

/** The last of nouns in a row, as "bread recipe" is a recipe. */
function headOf(words: readonly TaggedWord[], first: number): string {
  let last = first;
  while (words[last + 1]?.pos === "NOUN" || words[last + 1]?.pos === "PROPN") last += 1;
  return words[last]!.lemma.toLowerCase();
}

/** Quotation marks, commas and "and" between adjectives, the particle of a verb, and a participle before a noun. */
function isJoined(words: readonly TaggedWord[], at: number): boolean {
  const { pos, text } = words[at]!;
  const before = words[at - 1]?.pos;
  const after = words[at + 1]?.pos;
  if (pos === "ADP") return before === "VERB" && PARTICLE.test(text);
  if (pos === "VERB") return (before === "DET" || before === "ADJ") && (after === "NOUN" || after === "PROPN");
  if (pos === "PUNCT") return /^["“”'‘’`(-]$/.test(text) || (text === "," && before === "ADJ");
  return pos === "CCONJ" && before === "ADJ" && after === "ADJ";
}

export interface VerbNounFigures {
  /** English instructions that were read, and how many have a verb, and a pair of both. */
  readonly instructions: number;
  readonly with_verb: number;
  readonly with_pair: number;
  readonly distinct_verbs: number;
  readonly distinct_pairs: number;
  /** 1 where every pair is as common as any other, 0 where there is only one: the entropy of pairs over its most. */
  readonly evenness: number | null;
  readonly verbs: readonly {
    readonly verb: string;
    readonly count: number;
    readonly nouns: readonly { readonly noun: string; readonly count: number }[];
  }[];
}

/** As many as Self-Instruct plots. */
const SHOWN_VERBS = 20;
const SHOWN_NOUNS = 4;

/** @param read for each instruction, its pair or undefined */
export function verbNounFigures(read: readonly (VerbNoun | undefined)[]): VerbNounFigures {
  const verbs = new Map<string, Map<string, number>>();
  const counts = new Map<string, number>();
  for (const one of read) {
    if (one === undefined) continue;
    counts.set(one.verb, (counts.get(one.verb) ?? 0) + 1);
    const nouns = verbs.get(one.verb) ?? new Map<string, number>();
    verbs.set(one.verb, nouns);
    if (one.noun !== null) nouns.set(one.noun, (nouns.get(one.noun) ?? 0) + 1);
  }
  const pairs = [...verbs.values()].flatMap((nouns) => [...nouns.values()]);
  const withPair = pairs.reduce((sum, count) => sum + count, 0);
  const entropy = pairs.reduce((sum, count) => sum - (count / withPair) * Math.log(count / withPair), 0);
  return {
    instructions: read.length,
    with_verb: [...counts.values()].reduce((sum, count) => sum + count, 0),
    with_pair: withPair,
    distinct_verbs: counts.size,
    distinct_pairs: pairs.length,
    evenness: withPair === 0 ? null : withPair === 1 ? 1 : entropy / Math.log(withPair),
    verbs: mostCommon(counts, SHOWN_VERBS).map(([verb, count]) => ({
      verb,
      count,
      nouns: mostCommon(verbs.get(verb)!, SHOWN_NOUNS).map(([noun, of]) => ({ noun, count: of })),
    })),
  };
}

function mostCommon(counts: ReadonlyMap<string, number>, most: number): [string, number][] {
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, most);
}
