import { expect, it } from "vitest";
import { CreateSweep } from "../../../shared/api/steering-sweep.ts";
import { wordIssue } from "../../../shared/issue-words.ts";

const good = { model: "base", prompts: ["Once"], steering: "calm@2", grid: { "classifier.0.strength": [0, 1] } };

it("fills in what a sweep need not say", () => {
  expect(CreateSweep.parse(good)).toMatchObject({ n: 1, max_tokens: 64, temperature: 1, seed: 0 });
});

it.each([
  [{ prompts: [] }, "prompts"],
  [{ prompts: [""] }, "prompts[0]"],
  [{ steering: "no name" }, "steering"],
  [{ steering: { wind: 1 } }, "steering.wind"],
  [{ grid: {} }, "grid"],
  [{ grid: { a: [] } }, "grid.a"],
  [{ grid: { a: [null] } }, "grid.a[0]"],
  [{ grid: { a: [1], b: [1], c: [1], d: [1], e: [1] } }, "grid"],
  [{ grid: { a: Array.from({ length: 33 }, (_, index) => index) } }, "grid.a"],
  [{ effect: {} }, "effect.classifier"],
  [{ effect: { phrases: [] } }, "effect.phrases"],
  [{ baselines: { plain: true } }, "baselines.plain"],
  [{ n: 0 }, "n"],
  [{ max_tokens: 513 }, "max_tokens"],
  [{ cells: 1 }, "cells"],
])("%j is refused", (fields, field) => {
  const body = { ...good, ...fields };
  const { error } = CreateSweep.safeParse(body);
  expect(wordIssue(error!, body).field).toBe(field);
});
