/**
 * The corpus of the embedded base model: an endless stream of documents, determined by its seed.
 *
 * Mixture by estimated tokens: facts 45 %, tasks 22 %, chat 15 %, reviews 8 %, prose 6 %, registers 4 %.
 */
import { createChatDocuments } from "./chats.ts";
import { DOCUMENT_KINDS, type Document, type DocumentKind, renderDocument } from "./document.ts";
import { createFactDocuments } from "./fact-documents.ts";
import { createProseDocuments } from "./prose.ts";
import { createRandom } from "./random.ts";
import { createRegisterDocuments } from "./registers.ts";
import { createReviewDocuments } from "./reviews.ts";
import { createTaskDocuments } from "./task-documents.ts";

export { type Document, type DocumentKind, END_OF_TEXT, renderChat, renderDocument } from "./document.ts";
export { FACTS, RELATIONS } from "./facts/all.ts";

/** Target share of tokens, and characters per token measured with the committed tokenizer, which only set the mixture. */
const MIXTURE: Record<DocumentKind, { share: number; charactersPerToken: number }> = {
  facts: { share: 0.45, charactersPerToken: 3.15 },
  task: { share: 0.22, charactersPerToken: 3.4 },
  chat: { share: 0.15, charactersPerToken: 4.15 },
  review: { share: 0.08, charactersPerToken: 4.1 },
  prose: { share: 0.06, charactersPerToken: 4.05 },
  register: { share: 0.04, charactersPerToken: 3.7 },
};

/**
 * An endless stream of documents. The kind furthest behind its share comes next, so the mixture holds for every few dozen
 * documents.
 */
export function* generateDocuments(seed: number): Generator<Document, never, undefined> {
  // One random stream per kind: changing one kind of document leaves the others unchanged.
  const stream = (kind: DocumentKind) => createRandom(seed, "corpus", kind);
  const makers: Record<DocumentKind, () => Document> = {
    facts: createFactDocuments(stream("facts")),
    chat: createChatDocuments(stream("chat")),
    task: createTaskDocuments(stream("task")),
    review: createReviewDocuments(stream("review")),
    register: createRegisterDocuments(stream("register")),
    prose: createProseDocuments(stream("prose")),
  };
  const produced: Record<DocumentKind, number> = { facts: 0, chat: 0, task: 0, review: 0, register: 0, prose: 0 };
  for (;;) {
    const kind = DOCUMENT_KINDS.reduce((least, each) =>
      produced[each] / MIXTURE[each].share < produced[least] / MIXTURE[least].share ? each : least,
    );
    const document = makers[kind]();
    produced[kind] += renderDocument(document).length / MIXTURE[kind].charactersPerToken;
    yield document;
  }
}

/** Documents from the stream until their texts total `characters`. */
export function takeDocuments(seed: number, characters: number): Document[] {
  const taken: Document[] = [];
  let total = 0;
  for (const document of generateDocuments(seed)) {
    taken.push(document);
    total += renderDocument(document).length;
    if (total >= characters) break;
  }
  return taken;
}
