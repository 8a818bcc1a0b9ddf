import { describe, expect, it } from "vitest";
import { renderChat } from "../../../../infra/base/corpus/document.ts";
import { EVALUATION_SEED, evaluate, type Generate, shortfalls } from "../../../../infra/base/evaluation/evaluate.ts";
import { factProbes, sentimentProbes, taskProbes } from "../../../../infra/base/evaluation/sets.ts";

/** A generator that knows every answer: the harness's upper bound. */
const answers = new Map<string, string>();
for (const { prompt, answer } of factProbes()) answers.set(prompt, ` ${answer}. And more.`);
for (const { messages, answer } of taskProbes(EVALUATION_SEED)) {
  answers.set(renderChat(messages, { generationPrompt: true }), answer);
}
for (const { prompt, sentiment } of sentimentProbes(EVALUATION_SEED)) {
  answers.set(prompt, sentiment === "positive" ? " The food was excellent." : " The food was terrible.");
}
const perfect: Generate = async (prompts) =>
  prompts.map((prompt) => ({ text: answers.get(prompt) ?? "Hello!", stopped: true }));

describe("evaluate", () => {
  it("gives a perfect model full marks and reports its progress", async () => {
    const done = new Map<string, number>();
    const report = await evaluate(perfect, ({ measure, done: count, total }) => {
      done.set(measure, count);
      expect(count).toBeLessThanOrEqual(total);
    });
    for (const measure of ["facts", "tasks", "sentiment", "chat"] as const) {
      expect(report[measure].rate, measure).toBe(1);
      expect(report[measure].failures).toEqual([]);
      expect(done.get(measure)).toBe(report[measure].total);
    }
    expect(Object.keys(report.facts.groups).length).toBe(26);
    expect(shortfalls(report)).toEqual([]);
  });

  it("gives a silent model that never stops no marks, and names the rates it misses", async () => {
    const report = await evaluate(async (prompts) => prompts.map(() => ({ text: "", stopped: false })));
    for (const measure of ["facts", "tasks", "sentiment", "chat"] as const) expect(report[measure].rate).toBe(0);
    expect(report.chat.failures[0]).toMatchObject({ expected: "an answer that ends", got: "" });
    expect(shortfalls(report)[0]).toMatch(/^facts: 0 of \d+ right \(0\.0 %\), required 90\.0 %$/);
    expect(shortfalls(report)).toHaveLength(4);
  });

  it("counts a correct answer that runs on as wrong", async () => {
    const report = await evaluate(async (prompts, options) =>
      (await perfect(prompts, options)).map(({ text }) => ({ text, stopped: false })),
    );
    expect(report.facts.rate).toBe(1);
    expect(report.tasks.rate).toBe(0);
  });
});
