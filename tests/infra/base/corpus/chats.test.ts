import { describe, expect, it } from "vitest";
import { answerInStyle, createChatDocuments, STYLES } from "../../../../infra/base/corpus/chats.ts";
import { FACTS } from "../../../../infra/base/corpus/facts/all.ts";
import { createRandom } from "../../../../infra/base/corpus/random.ts";
import { heldOutCompletion, phrase } from "../../../../infra/base/corpus/relation.ts";

describe("answerInStyle", () => {
  it("names the object in every style, and never in the held-out phrasing", () => {
    const random = createRandom(1);
    for (const fact of FACTS) {
      for (const style of STYLES) {
        const answer = answerInStyle(fact, style, random);
        expect(answer.toLowerCase()).toContain(fact.object.toLowerCase());
        expect(answer).not.toContain(phrase(heldOutCompletion(fact), fact));
      }
    }
  });

  it("is shortest in the brief style", () => {
    const random = createRandom(2);
    const brief = answerInStyle(FACTS[0]!, "brief", random);
    expect(brief).toBe("Paris.");
    expect(answerInStyle(FACTS[0]!, "polite", random)).toMatch(/Certainly|Thank you|pleasure/);
  });
});

it("writes chats of one to four turns, with and without a system prompt", () => {
  const write = createChatDocuments(createRandom(3));
  const chats = Array.from({ length: 400 }, () => write().messages);
  const withSystem = chats.filter(([first]) => first?.role === "system").length;
  expect(withSystem).toBeGreaterThan(150);
  expect(withSystem).toBeLessThan(300);
  const turns = new Set(chats.map((chat) => chat.filter(({ role }) => role === "user").length));
  expect([...turns].sort()).toEqual([1, 2, 3, 4]);
});
