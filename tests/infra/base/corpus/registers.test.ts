import { expect, it } from "vitest";
import { renderDocument } from "../../../../infra/base/corpus/document.ts";
import { createRandom } from "../../../../infra/base/corpus/random.ts";
import { createRegisterDocuments, REGISTERS, REQUESTS, wordRequest } from "../../../../infra/base/corpus/registers.ts";

it("words every request politely and rudely, and never the same way", () => {
  const random = createRandom(1);
  for (const request of REQUESTS) {
    for (let i = 0; i < 10; i++) {
      const polite = wordRequest(request, "polite", random);
      const rude = wordRequest(request, "rude", random);
      expect(polite.toLowerCase()).toContain(request);
      expect(rude.toLowerCase()).toContain(request);
      expect(polite).toMatch(/please|kind|grateful/i);
      expect(rude).not.toMatch(/please|kind|grateful|thank/i);
    }
  }
});

it("sets the register by label, by pair and by system prompt", () => {
  const write = createRegisterDocuments(createRandom(2));
  const texts = Array.from({ length: 300 }, () => renderDocument(write()));
  for (const start of [
    "Politely: ",
    "Rudely: ",
    "Request: ",
    ...REGISTERS.map((r) => `<|im_start|>system\nYou are ${r}.`),
  ]) {
    expect(
      texts.some((text) => text.startsWith(start)),
      start,
    ).toBe(true);
  }
});
