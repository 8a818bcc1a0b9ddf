import { describe, expect, it } from "vitest";
import { FACTS, renderDocument, takeDocuments } from "../../../../infra/base/corpus/index.ts";
import { TASK_NAMES } from "../../../../infra/base/corpus/tasks.ts";
import { chatProbes, factProbes, sentimentProbes, taskProbes } from "../../../../infra/base/evaluation/sets.ts";

const corpus = takeDocuments(21, 1_000_000).map(renderDocument).join("");

it("asks for every fact, at least 500, with a prompt that is not in the corpus", () => {
  const probes = factProbes();
  expect(probes.length).toBe(FACTS.length);
  expect(probes.length).toBeGreaterThanOrEqual(500);
  for (const { prompt, answer } of probes) {
    expect(prompt).not.toMatch(/\s$/);
    expect(answer).toMatch(/\S/);
    expect(corpus.includes(`${prompt} `)).toBe(false);
  }
});

it("sets at least 200 tasks, the same number of each, none of them in the corpus", () => {
  const probes = taskProbes(3);
  expect(probes.length).toBeGreaterThanOrEqual(200);
  for (const name of TASK_NAMES) {
    expect(probes.filter(({ task }) => task === name).length).toBe(probes.length / TASK_NAMES.length);
  }
  for (const { messages } of probes) {
    const prompt = messages[0]?.content;
    expect(corpus.includes(`<|im_start|>user\n${prompt}<|im_end|>`), prompt).toBe(false);
    expect(corpus.includes(`Task: ${prompt}\n`), prompt).toBe(false);
  }
  expect(taskProbes(3)).toEqual(probes);
  expect(taskProbes(4)).not.toEqual(probes);
});

it("opens at least 200 reviews of both sentiments, none of them in the corpus", () => {
  const probes = sentimentProbes(3);
  expect(probes.length).toBeGreaterThanOrEqual(200);
  const positive = probes.filter(({ sentiment }) => sentiment === "positive").length;
  expect(positive / probes.length).toBeGreaterThan(0.35);
  expect(positive / probes.length).toBeLessThan(0.65);
  for (const { prompt } of probes) {
    expect(prompt).toMatch(/[.!]$/);
    expect(corpus.includes(prompt)).toBe(false);
  }
});

describe("chatProbes", () => {
  it("are at least 200 chats that end with the user's turn", () => {
    const probes = chatProbes(3);
    expect(probes.length).toBeGreaterThanOrEqual(200);
    for (const { messages } of probes) expect(messages.at(-1)?.role).toBe("user");
    expect(probes.some(({ messages }) => messages[0]?.role === "system")).toBe(true);
    expect(probes.some(({ messages }) => messages.length > 4)).toBe(true);
  });
});
