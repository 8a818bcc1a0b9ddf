import { describe, expect, it } from "vitest";
import { DOCUMENT_KINDS } from "../../../../infra/base/corpus/document.ts";
import {
  FACTS,
  generateDocuments,
  RELATIONS,
  renderDocument,
  takeDocuments,
} from "../../../../infra/base/corpus/index.ts";
import { heldOutCompletion, splitCompletion } from "../../../../infra/base/corpus/relation.ts";

const CHARACTERS = 2_000_000;
const documents = takeDocuments(11, CHARACTERS);
const texts = documents.map(renderDocument);

describe("generateDocuments", () => {
  it("is a function of the seed", () => {
    const head = (seed: number): string[] => takeDocuments(seed, 20_000).map(renderDocument);
    expect(head(5)).toEqual(head(5));
    expect(head(5)).not.toEqual(head(6));
  });

  it("does not end", () => {
    const stream = generateDocuments(1);
    for (let i = 0; i < 3000; i++) stream.next();
    expect(stream.next().done).toBe(false);
  });

  it("keeps the mixture over short stretches, every kind included", () => {
    const kinds = takeDocuments(3, 30_000).map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(DOCUMENT_KINDS));
    const facts = documents
      .filter(({ kind }) => kind === "facts")
      .map(renderDocument)
      .join("").length;
    expect(facts / CHARACTERS).toBeGreaterThan(0.37);
    expect(facts / CHARACTERS).toBeLessThan(0.45);
  });
});

describe("the stream", () => {
  it("never states a fact in its held-out phrasing, in any context or case", () => {
    const corpus = texts.join("").toLowerCase();
    const leaks = FACTS.map((fact) => splitCompletion(heldOutCompletion(fact), fact).prompt.toLowerCase()).filter(
      (prompt) => corpus.includes(`${prompt} `),
    );
    expect(leaks).toEqual([]);
  });

  it("uses every completion with other facts", () => {
    const corpus = texts.join("");
    for (const relation of RELATIONS) {
      for (const completion of relation.completions) {
        const stated = relation.pairs.some(([subject, object]) => {
          const { prompt, answer } = splitCompletion(completion, { relation, subject, object });
          return corpus.includes(`${prompt} ${answer}.`);
        });
        expect(stated, completion).toBe(true);
      }
    }
  });

  it("has no unfilled placeholder and no special token outside chats", () => {
    const contents = documents.flatMap((document) =>
      "text" in document ? [document.text] : document.messages.map(({ content }) => content),
    );
    expect(contents.filter((content) => /\{[a-zA-Z]+\}|undefined|NaN|<\|/.test(content))).toEqual([]);
  });

  it("ends every chat with an assistant's turn, after turns that alternate", () => {
    for (const document of documents) {
      if (!("messages" in document)) continue;
      const roles = document.messages.map(({ role }) => role).filter((role) => role !== "system");
      const alternate = roles.every((role, i) => role === (i % 2 === 0 ? "user" : "assistant"));
      if (!alternate || roles.length % 2 !== 0) expect.fail(renderDocument(document));
    }
  });

  it("fits the context of 512 tokens with room to spare", () => {
    expect(Math.max(...texts.map((text) => text.length))).toBeLessThan(1200);
  });
});
