import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderChat } from "../../../../infra/base/corpus/index.ts";
import type { Generate } from "../../../../infra/base/evaluation/evaluate.ts";
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

  async function rate<T>(items: readonly T[], isRight: (item: T) => Promise<boolean>): Promise<number> {
    let right = 0;
    for (const item of items) if (await isRight(item)) right++;
    return right / items.length;
  }

  it("has 5 to 8 million parameters in less than 20 MB", () => {
    const parameters = parameterCount(parseModelConfig(JSON.parse(readFileSync(`${folder}/config.json`, "utf8"))));
    expect(parameters).toBeGreaterThan(5e6);
    expect(parameters).toBeLessThan(8e6);
    expect(statSync(`${folder}/model.safetensors`).size).toBeLessThan(20e6);
  });

  it("recalls facts in their held-out phrasings", async () => {
    const recalled = await rate(every(factProbes(), 9), async ({ prompt, answer }) => {
      return isFactRecalled((await generate(prompt, { maxTokens: 16, stop: "line" })).text, answer);
    });
    expect(recalled).toBeGreaterThanOrEqual(0.9);
  }, 60_000);

  it("solves held-out tasks", async () => {
    const solved = await rate(every(taskProbes(1), 5), async ({ messages, answer, task }) => {
      const { text, stopped } = await generate(renderChat(messages, { generationPrompt: true }), {
        maxTokens: 48,
        stop: "turn",
      });
      return stopped && isTaskSolved(task, text, answer);
    });
    expect(solved).toBeGreaterThanOrEqual(0.8);
  }, 60_000);

  it("ends its chat replies itself", async () => {
    const ended = await rate(every(chatProbes(1), 6), async ({ messages }) => {
      return (await generate(renderChat(messages, { generationPrompt: true }), { maxTokens: 96, stop: "turn" }))
        .stopped;
    });
    expect(ended).toBeGreaterThanOrEqual(0.99);
  }, 60_000);
});
