/** What can go wrong with generated data, as numbers: pure functions of texts. */
import { rougeLOfWords } from "../graders/text/rouge.ts";
import { createRandom } from "../random.ts";
import { comparedWords, Pool } from "./pool.ts";
import { gramsOf, overlapsOf, wordsOf } from "./words.ts";

export interface Diversity {
  readonly texts: number;
  /** Different words. */
  readonly vocabulary: number;
  /** Different n-grams over all, of the first words of the texts in a seeded order; null where there are too few words. */
  readonly distinct_1: number | null;
  readonly distinct_2: number | null;
  readonly distinct_3: number | null;
  /** The mean ROUGE-L of two texts; null of fewer than two. */
  readonly pairwise_rouge_l: number | null;
}

/** The ROUGE-L from which an instruction is as good as a copy: what Self-Instruct rejects. */
const COPY = 0.7;

/**
 * The share of each group's instructions that are no copies, nearly, of one that came before it, in its group or an earlier one; null
 * for a group of none.
 */
export async function noveltyOf(
  before: readonly string[],
  groups: readonly (readonly string[])[],
  yieldToEventLoop: () => Promise<void>,
): Promise<(number | null)[]> {
  const pool = new Pool();
  for (const text of before) pool.add(text);
  const shares: (number | null)[] = [];
  for (const texts of groups) {
    let fresh = 0;
    for (const text of texts) {
      if (pool.closest(text, COPY) === null) fresh++;
      pool.add(text);
      await yieldToEventLoop();
    }
    shares.push(texts.length === 0 ? null : fresh / texts.length);
  }
  return shares;
}

/** Texts whose pairs are compared, about 2,000 pairs, and the words of each. */
const COMPARED = { texts: 64, words: 200 } as const;

/**
 * How different texts are from each other. Distinct-n falls with the amount of text, so that equal `words` have to be looked at of all
 * that are compared.
 */
export function diversityOf(
  texts: readonly string[],
  { words, seed }: { readonly words: number; readonly seed: number },
): Diversity {
  const order = createRandom(seed, "diversity").permutation(texts.length);
  const shuffled = [...order].map((at) => texts[at]!);
  const all = shuffled.map(wordsOf);
  const looked = upTo(all, words);
  const share = (n: number) => {
    const grams = looked.flatMap((own) => gramsOf(own, n));
    return grams.length === 0 ? null : new Set(grams).size / grams.length;
  };
  const compared = shuffled.slice(0, COMPARED.texts).map((text) => comparedWords(text).slice(0, COMPARED.words));
  let [sum, pairs] = [0, 0];
  for (const [i, text] of compared.entries()) {
    for (const other of compared.slice(i + 1)) {
      sum += rougeLOfWords(text, other);
      pairs++;
    }
  }
  return {
    texts: texts.length,
    vocabulary: new Set(all.flat()).size,
    distinct_1: share(1),
    distinct_2: share(2),
    distinct_3: share(3),
    pairwise_rouge_l: pairs === 0 ? null : sum / pairs,
  };
}

/** The texts until so many words are reached; the last one is cut. */
function upTo(texts: readonly (readonly string[])[], words: number): (readonly string[])[] {
  let left = words;
  return texts.flatMap((own) => {
    const taken = own.slice(0, Math.max(0, left));
    left -= taken.length;
    return taken.length === 0 ? [] : [taken];
  });
}

export interface Overlap {
  readonly text: number;
  readonly gram: string;
}

/** The texts that share n words in a row with the evaluation set, or are one of its texts of fewer, each with the first such words. */
export function contaminated(texts: readonly string[], known: ReadonlySet<string>, n: number): Overlap[] {
  return texts.flatMap((text, at) => {
    const gram = overlapsOf(wordsOf(text), n).find((one) => known.has(one));
    return gram === undefined ? [] : [{ text: at, gram }];
  });
}

export interface OwnStyle {
  /** The share of the texts' trigrams that no seed has, and that come back in three texts or more. */
  readonly own_phrases: number;
  /** The share that seeds have too. */
  readonly from_seeds: number;
  /** The phrases that come back most. */
  readonly phrases: readonly { readonly phrase: string; readonly texts: number }[];
}

const PHRASE = 3;
const COMES_BACK = 3;
const SHOWN_PHRASES = 20;

/** How much of the texts is the writer's own stock of phrases, and how much is the seeds'. null without a trigram. */
export function ownStyle(texts: readonly string[], seeds: readonly string[]): OwnStyle | null {
  const known = new Set(seeds.flatMap((seed) => gramsOf(wordsOf(seed), PHRASE)));
  const grams = texts.map((text) => gramsOf(wordsOf(text), PHRASE));
  const inTexts = new Map<string, number>();
  for (const own of grams) for (const gram of new Set(own)) inTexts.set(gram, (inTexts.get(gram) ?? 0) + 1);
  const all = grams.flat();
  if (all.length === 0) return null;
  const isOwn = (gram: string) => !known.has(gram) && inTexts.get(gram)! >= COMES_BACK;
  const phrases = [...inTexts]
    .filter(([phrase]) => isOwn(phrase))
    .map(([phrase, count]) => ({ phrase, texts: count }))
    .toSorted((a, b) => b.texts - a.texts || (a.phrase < b.phrase ? -1 : 1));
  return {
    own_phrases: all.filter(isOwn).length / all.length,
    from_seeds: all.filter((gram) => known.has(gram)).length / all.length,
    phrases: phrases.slice(0, SHOWN_PHRASES),
  };
}

export interface KnownFact {
  readonly prompt: string;
  readonly answer: string;
  readonly subject?: string | undefined;
}

export interface Statement {
  readonly text: number;
  readonly prompt: string;
  readonly said: string;
  readonly answer: string;
  readonly right: boolean;
}

/** Words of what a text says that are shown. */
const SAID = 6;

/**
 * What texts say about known facts: wherever one has a fact's wording, what follows must begin with its answer, or the answer of
 * another fact of the same wording. Statements in other words are not found.
 */
export function statementsOf(texts: readonly string[], facts: readonly KnownFact[]): Statement[] {
  const answers = new Map<string, { prompt: string; answers: string[] }>();
  for (const { prompt, answer } of facts) {
    const key = wordsOf(prompt).join(" ");
    const known = answers.get(key);
    if (known === undefined) answers.set(key, { prompt, answers: [answer] });
    else known.answers.push(answer);
  }
  return texts.flatMap((text, at) => {
    const words = ` ${wordsOf(text).join(" ")} `;
    const found: Statement[] = [];
    for (const [key, { prompt, answers: right }] of answers) {
      for (let place = words.indexOf(` ${key} `); place >= 0; place = words.indexOf(` ${key} `, place + 1)) {
        const rest = words.slice(place + key.length + 2);
        if (rest.trim() === "") continue;
        const said = rest.trim().split(" ").slice(0, SAID).join(" ");
        const isRight = right.some((answer) => `${rest} `.startsWith(`${wordsOf(answer).join(" ")} `));
        found.push({ text: at, prompt, said, answer: right[0]!, right: isRight });
      }
    }
    return found;
  });
}
