/** A sample of what the embedded base was trained on, in the form of `corpus.jsonl`. */
import { renderDocument, takeDocuments } from "../corpus/index.ts";
import { SEED } from "../pretraining/recipe.ts";

/** About 100,000 tokens of the committed tokenizer. */
const CHARACTERS = 360_000;

/** Documents of the stream that the base was trained on, chats with their control tokens. The same seed gives the same texts. */
export function embeddedCorpus(characters = CHARACTERS): string[] {
  return takeDocuments(SEED, characters).map(renderDocument);
}
