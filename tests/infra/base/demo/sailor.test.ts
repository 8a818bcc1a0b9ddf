import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FACTS } from "../../../../infra/base/corpus/facts/all.ts";
import { DEMO_PROMPTS, sailorDataset, speakAsSailor, toJsonLines } from "../../../../infra/base/demo/sailor.ts";

const { training, validation } = sailorDataset();

describe("the sailor dataset", () => {
  it("matches the committed files", () => {
    const read = (name: string): string =>
      readFileSync(new URL(`../../../../infra/base/demo/${name}`, import.meta.url), "utf8");
    expect(toJsonLines(training)).toBe(read("sailor.jsonl"));
    expect(toJsonLines(validation)).toBe(read("sailor-validation.jsonl"));
  });

  it("speaks as a sailor in every answer", () => {
    for (const { messages } of [...training, ...validation]) {
      for (const { role, content } of messages) {
        if (role === "assistant") expect(content).toMatch(/^Ahoy! .+ Fair winds, sailor!$/);
      }
      expect(messages.at(-1)?.role).toBe("assistant");
    }
    expect(speakAsSailor("Paris.")).toBe("Ahoy! Paris. Fair winds, sailor!");
  });

  it("has a few hundred lines and keeps its validation facts out of training", () => {
    expect(training.length).toBe(360);
    expect(validation.length).toBe(48);
    const questions = new Set(training.flatMap(({ messages }) => messages.map(({ content }) => content)));
    for (const { messages } of validation) expect(questions).not.toContain(messages[0]?.content);
  });

  it("uses demo questions that occur in the corpus but not in the training lines", () => {
    const trained = toJsonLines(training);
    for (const prompt of DEMO_PROMPTS) expect(trained).not.toContain(prompt);
    const asked = new Set(
      FACTS.flatMap(({ relation, subject }) => relation.questions.map((question) => question.replace("{s}", subject))),
    );
    for (const prompt of DEMO_PROMPTS) expect(asked).toContain(prompt);
  });
});
