import { expect, it } from "vitest";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { type BaseStatisticsOptions, baseStatistics } from "../../../trainer/edits/base-statistics.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { tinyModel } from "../tiny-model.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const { config, weights, tokenizer } = loadModelFolder(tinyModel());
const texts = Array.from({ length: 60 }, (_, i) =>
  Int32Array.from(tokenizer.encode(`one two ${i} red green ${i * i} blue`)),
);

async function take(changes: Partial<BaseStatisticsOptions>, artefacts = new Map<string, Uint8Array>()) {
  const starts: number[] = [];
  const found = await baseStatistics(executor, {
    ...{ config, weights, tokenizer, layers: [0, 1], tokens: 1000, given: { source: "corpus", texts } },
    ...{ yieldToEventLoop: async () => undefined, onStart: () => void starts.push(0), onRead: () => undefined },
    artefacts: {
      read: async (name) => artefacts.get(name),
      write: async (name, bytes) => void artefacts.set(name, bytes),
    },
    ...changes,
  });
  return { found, artefacts, started: starts.length };
}

it("takes what the base does not have, and reads the rest", async () => {
  const first = await take({ layers: [0] });
  expect([first.started, first.artefacts.size]).toEqual([1, 1]);
  expect(first.found.get(0)).toMatchObject({ layer: 0, source: "corpus", tokens: 1000 });
  const both = await take({}, first.artefacts);
  expect([both.started, both.artefacts.size]).toEqual([1, 2]);
  expect(both.found.get(0)).toEqual(first.found.get(0));
  const again = await take({}, both.artefacts);
  expect(again.started).toBe(0);
  expect(again.found.get(1)).toEqual(both.found.get(1));
});

it("keeps nothing of a tenant's own texts", async () => {
  const { artefacts, found } = await take({ given: { source: "file", texts } });
  expect(artefacts.size).toBe(0);
  expect(found.get(1)!.source).toBe("file");
});

it("writes the texts itself where the base brings none", async () => {
  const { found, artefacts } = await take({ given: undefined, layers: [1] });
  expect(found.get(1)).toMatchObject({ source: "sampled", tokens: 1000 });
  expect(artefacts.size).toBe(1);
});

it("refuses texts of too few tokens", async () => {
  await expect(take({ given: { source: "file", texts: texts.slice(0, 3) } })).rejects.toMatchObject({
    ...{ code: "invalid_dataset", param: "validation_file" },
    message: expect.stringContaining("at least 1000 are needed"),
  });
});
