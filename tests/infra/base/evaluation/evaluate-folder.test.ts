import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderChat } from "../../../../infra/base/corpus/index.ts";
import type { Generate, Generated, GenerateOptions } from "../../../../infra/base/evaluation/evaluate.ts";
import { openModelFolder } from "../../../../infra/base/evaluation/evaluate-folder.ts";
import { isFactRecalled, isTaskSolved } from "../../../../infra/base/evaluation/scoring.ts";
import { chatProbes, factProbes, taskProbes } from "../../../../infra/base/evaluation/sets.ts";
import { parseModelConfig } from "../../../../shared/model/config.ts";
import { parameterCount } from "../../../../shared/model/modules.ts";

const folder = fileURLToPath(new URL("../../../../infra/base/model", import.meta.url));

/** Every n-th item: a sample that covers all kinds, because the sets are ordered by kind. */
const every = <T>(items: readonly T[], n: number) => items.filter((_, i) => i % n === 0);

/** Runs the committed model on a sample of its evaluation; `npm run eval:base` runs all of it. */
describe("the embedded base", () => {
  let generate: Generate;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ generate, close } = await openModelFolder(folder));
  }, 60_000);
  afterAll(() => close());

  async function rate<T>(
    items: readonly T[],
    options: GenerateOptions & { prompt: (item: T) => string; isRight: (item: T, generated: Generated) => boolean },
  ): Promise<number> {
    const answers = await generate(items.map(options.prompt), options);
    return items.filter((item, i) => options.isRight(item, answers[i]!)).length / items.length;
  }

  it("has 5 to 8 million parameters in less than 20 MB", () => {
    const parameters = parameterCount(parseModelConfig(JSON.parse(readFileSync(`${folder}/config.json`, "utf8"))));
    expect(parameters).toBeGreaterThan(5e6);
    expect(parameters).toBeLessThan(8e6);
    expect(statSync(`${folder}/model.safetensors`).size).toBeLessThan(20e6);
  });

  it("recalls facts in their held-out phrasings", async () => {
    const recalled = await rate(every(factProbes(), 9), {
      maxTokens: 16,
      stop: "line",
      prompt: ({ prompt }) => prompt,
      isRight: ({ answer }, { text }) => isFactRecalled(text, answer),
    });
    expect(recalled).toBeGreaterThanOrEqual(0.9);
  }, 60_000);

  it("solves held-out tasks", async () => {
    const solved = await rate(every(taskProbes(1), 5), {
      maxTokens: 48,
      stop: "turn",
      prompt: ({ messages }) => renderChat(messages, { generationPrompt: true }),
      isRight: ({ answer, task }, { text, stopped }) => stopped && isTaskSolved(task, text, answer),
    });
    expect(solved).toBeGreaterThanOrEqual(0.8);
  }, 60_000);

  it("ends its chat replies itself", async () => {
    const ended = await rate(every(chatProbes(1), 6), {
      maxTokens: 96,
      stop: "turn",
      prompt: ({ messages }) => renderChat(messages, { generationPrompt: true }),
      isRight: (_, { stopped }) => stopped,
    });
    expect(ended).toBeGreaterThanOrEqual(0.99);
  }, 60_000);
});
