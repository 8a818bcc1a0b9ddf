import { porterStem } from "./porter-stemmer.ts";
import { splitWords } from "./words.ts";

const ALPHA = 0.9;
const BETA = 3;
const GAMMA = 0.5;

/** A word and its place in its text. */
type Placed = readonly [place: number, word: string];
/** Places of a word of the input and of its partner in the reference. */
type Match = readonly [input: number, reference: number];

/**
 * METEOR of one text against one reference, between 0 and 1 (Lavie and Agarwal, 2007; α 0.9, β 3, γ 0.5): nltk's `meteor_score`
 * on the words between white space, lower-cased. Words match by themselves and then by their stems. The paper's third stage,
 * WordNet's synonyms, is left out: scores are nltk's with an empty WordNet.
 */
export function meteor(input: string, reference: string): number {
  const [made, wanted] = [placed(input), placed(reference)];
  const exact = matchWords(made, wanted);
  const stemmed = matchWords(exact.input.map(stem), exact.reference.map(stem));
  const matches = [...exact.matches, ...stemmed.matches].sort(([a], [b]) => a - b);
  if (matches.length === 0) return 0;
  const precision = matches.length / made.length;
  const recall = matches.length / wanted.length;
  const mean = (precision * recall) / (ALPHA * precision + (1 - ALPHA) * recall);
  return (1 - GAMMA * (chunks(matches) / matches.length) ** BETA) * mean;
}

function placed(text: string): Placed[] {
  return splitWords(text).map((word, place) => [place, word.toLowerCase()]);
}

function stem([place, word]: Placed): Placed {
  return [place, porterStem(word)];
}

/** Gives each word of the input, from its end, the last equal word of the reference that is free; returns the rest of both too. */
function matchWords(input: readonly Placed[], reference: readonly Placed[]) {
  const free = new Map<string, number[]>();
  for (const [place, word] of reference) {
    const places = free.get(word);
    if (places === undefined) free.set(word, [place]);
    else places.push(place);
  }
  const matches: Match[] = [];
  const rest: Placed[] = [];
  for (const [place, word] of input.toReversed()) {
    const partner = free.get(word)?.pop();
    if (partner === undefined) rest.push([place, word]);
    else matches.push([place, partner]);
  }
  const taken = new Set(matches.map(([, partner]) => partner));
  return { matches, input: rest.reverse(), reference: reference.filter(([place]) => !taken.has(place)) };
}

/** How many runs of neighbours in both texts the matches make. */
function chunks(matches: readonly Match[]): number {
  let count = 1;
  for (let i = 1; i < matches.length; i++) {
    const [before, after] = [matches[i - 1]!, matches[i]!];
    if (after[0] !== before[0] + 1 || after[1] !== before[1] + 1) count++;
  }
  return count;
}
