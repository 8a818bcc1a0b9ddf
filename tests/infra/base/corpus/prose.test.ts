import { expect, it } from "vitest";
import { createProseDocuments } from "../../../../infra/base/corpus/prose.ts";
import { createRandom } from "../../../../infra/base/corpus/random.ts";
import { NAMES } from "../../../../infra/base/corpus/words.ts";

it("tells three to six sentences about one person", () => {
  const write = createProseDocuments(createRandom(1));
  for (let i = 0; i < 200; i++) {
    const { text } = write();
    const sentences = text.match(/[^.]+\./g) ?? [];
    expect(sentences.length).toBeGreaterThanOrEqual(3);
    expect(sentences.length).toBeLessThanOrEqual(6);
    expect(NAMES.filter((name) => new RegExp(`\\b${name}\\b`).test(text)).length).toBe(1);
  }
});
