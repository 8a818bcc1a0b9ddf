import { expect, it } from "vitest";
import { createFactDocuments } from "../../../../infra/base/corpus/fact-documents.ts";
import { FACTS } from "../../../../infra/base/corpus/facts/all.ts";
import { createRandom } from "../../../../infra/base/corpus/random.ts";

it("states every fact within a few rounds, alone, in lists and as questions", () => {
  const write = createFactDocuments(createRandom(2));
  const texts = Array.from({ length: 3000 }, () => write().text);
  const corpus = texts.join("").toLowerCase();
  for (const { subject, object } of FACTS) {
    expect(corpus).toContain(subject.toLowerCase());
    expect(corpus).toContain(object.toLowerCase());
  }
  expect(texts.some((text) => text.startsWith("Q: ") && text.includes("\nA: "))).toBe(true);
  expect(texts.some((text) => text.split("\n").length > 4)).toBe(true);
  for (const text of texts) expect(text).toMatch(/\.\n$/);
});
