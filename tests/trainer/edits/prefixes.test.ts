import { expect, it } from "vitest";
import { parseCorpus } from "../../../shared/evaluation/corpus.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { prefixesOf, samplePrefixes, sentencePrefixes, startOfText } from "../../../trainer/edits/prefixes.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { embeddedBase } from "../../fixtures/classifiers/train.ts";
import { tinyModel } from "../tiny-model.ts";

const { config, weights, tokenizer } = loadModelFolder(tinyModel());
const options = { config, weights, tokenizer, seed: 3, count: 5, yieldToEventLoop: async () => undefined };

it("samples the same short texts for the same seed, and none where none is wanted", async () => {
  const executor = createOnnxRuntimeExecutor({ threads: 1 });
  const pool = await samplePrefixes(executor, options);
  expect(pool.length).toBeGreaterThan(10);
  expect(new Set(pool).size).toBe(pool.length);
  expect(pool.every((text) => text.trim() === text && text !== "" && !/[\n\uFFFD]/.test(text))).toBe(true);
  expect(await samplePrefixes(executor, options)).toEqual(pool);
  expect(await samplePrefixes(executor, { ...options, seed: 4 })).not.toEqual(pool);
  expect(await samplePrefixes(executor, { ...options, count: 0 })).toEqual([]);
});

it("chooses a fact's prefixes by its own words", () => {
  const pool = Array.from({ length: 20 }, (_, i) => `text ${i}`);
  const fact = { prompt: "Snow is", subject: "Snow" };
  const { own, rest } = prefixesOf(pool, fact, { seed: 1, count: 5 });
  expect([...own, ...rest].sort()).toEqual([...pool].sort());
  expect(prefixesOf(pool, fact, { seed: 1, count: 5 })).toEqual({ own, rest });
  expect(prefixesOf(pool, { ...fact, prompt: "Is Snow" }, { seed: 1, count: 5 }).own).not.toEqual(own);
  // Fewer texts than wanted are taken again, so that all facts have as many.
  expect(prefixesOf(["a", "b"], fact, { seed: 1, count: 5 }).own).toHaveLength(5);
  expect(prefixesOf([], fact, { seed: 1, count: 5 }).own).toEqual([]);
});

it("begins texts where the model does", () => {
  expect(startOfText({ ...tokenizer, prefix: [7] })).toEqual([7]);
  expect(startOfText({ ...tokenizer, prefix: [], bosId: 5 })).toEqual([5]);
  expect(startOfText({ ...tokenizer, prefix: [], bosId: undefined, eosId: 6 })).toEqual([6]);
});

const files: ReadonlyMap<string, Uint8Array> = embeddedBase();
const { tokenizer: ofBase } = loadModelFolder(files);
const idsOf = (texts: readonly string[]) => texts.map((text) => Int32Array.from(ofBase.encodeTrusted(text)));

it("prefixes are the whole first sentences of texts, without control tokens", () => {
  const texts = parseCorpus(files.get("corpus.jsonl")!);
  const prefixes = sentencePrefixes(ofBase, idsOf(texts), 1);
  expect(prefixes).toHaveLength(48);
  for (const prefix of prefixes) {
    expect(texts.some((text) => text.startsWith(prefix))).toBe(true);
    expect(prefix).toMatch(/[.!?]$/);
    expect(prefix).not.toContain("<|");
    expect(ofBase.encode(prefix).length).toBeLessThanOrEqual(12);
  }
});

it("the seed alone decides which, and each comes once", () => {
  const ids = idsOf(parseCorpus(files.get("corpus.jsonl")!));
  const first = sentencePrefixes(ofBase, ids, 1);
  expect(sentencePrefixes(ofBase, ids, 1)).toEqual(first);
  expect(sentencePrefixes(ofBase, ids, 2)).not.toEqual(first);
  expect(new Set(first).size).toBe(first.length);
});

it("texts without a short sentence give none", () => {
  const chat = "<|im_start|>user\nWhat is it?<|im_end|>\n";
  const long = `${"The capital of France is Paris and ".repeat(8)}so on.`;
  expect(sentencePrefixes(ofBase, idsOf([chat, long, "No.", "It has no end"]), 1)).toEqual([]);
});
