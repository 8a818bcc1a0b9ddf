/** Parts of speech of English sentences, by wink-nlp's model. Loading it takes a moment and 20 MB, so it is imported on first use. */
import model from "wink-eng-lite-web-model";
import winkNlp, { type ItemToken } from "wink-nlp";
import type { TaggedWord } from "./verb-noun.ts";

const nlp = winkNlp(model, ["sbd", "pos"]);
const { its } = nlp;

const LONGEST = 400;

/** The words of a text's first sentence. */
export function firstSentence(text: string): TaggedWord[] {
  const sentence = nlp.readDoc(text.slice(0, LONGEST)).sentences().itemAt(0);
  if (sentence === undefined) return [];
  const words: TaggedWord[] = [];
  sentence.tokens().each((token: ItemToken) => {
    words.push({
      text: token.out(),
      pos: token.out(its.pos) as string,
      lemma: token.out(its.lemma as unknown as typeof its.value) as string,
    });
  });
  return words;
}
