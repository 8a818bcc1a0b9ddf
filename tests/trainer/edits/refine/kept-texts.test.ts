import { expect, it } from "vitest";
import { loadModelFolder } from "../../../../shared/model/model-folder.ts";
import { keptTexts } from "../../../../trainer/edits/refine/kept-texts.ts";
import { embeddedBase } from "../../../fixtures/classifiers/train.ts";

const { tokenizer } = loadModelFolder(embeddedBase() as ReadonlyMap<string, Uint8Array>);
const ids = (text: string) => Int32Array.from(tokenizer.encodeTrusted(text));
const TEXTS = [
  "The capital of Peru is Lima. Snow is cold and white. The capital of France is Paris.\n",
  "One cold day, Lucy went to the garden.\n",
  "<|im_start|>user\nWhere is France?<|im_end|>\n<|im_start|>assistant\nIn Europe.<|im_end|>\n",
];
const options = {
  tokenizer,
  subjects: ["france", "Peru "],
  stated: [],
  seed: 1,
  tokens: 1_000,
  longest: 64,
  yieldToEventLoop: async () => undefined,
};
const read = (found: readonly Int32Array[]) => found.map((own) => tokenizer.decode([...own])).sort();

it("keeps texts that name no subject, and of others the sentences that name none", async () => {
  expect(read(await keptTexts(TEXTS.map(ids), options))).toEqual([TEXTS[1], "Snow is cold and white."]);
  expect(await keptTexts(TEXTS.map(ids), { ...options, subjects: ["Lucy", "snow", "France", "Peru"] })).toEqual([]);
  // Without a subject that it names, a chat is kept whole.
  expect(read(await keptTexts(TEXTS.map(ids), { ...options, subjects: ["Peru"] }))).toContain(TEXTS[2]);
});

it("keeps what is stated whatever it names, up to half of the tokens", async () => {
  const stated = Array.from({ length: 40 }, () => ids("The capital of Peru is Cusco."));
  expect(read(await keptTexts(TEXTS.map(ids), { ...options, stated }))).toContain("The capital of Peru is Cusco.");
  const few = await keptTexts(TEXTS.map(ids), { ...options, stated, tokens: 60 });
  expect(few.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(60);
  expect(read(few)).toContain("Snow is cold and white.");
});

it("cuts texts at the longest, and is a function of the seed", async () => {
  const many = Array.from({ length: 30 }, (_, i) => ids(`Snow is cold and white on day ${i}.`));
  const found = await keptTexts(many, { ...options, longest: 4 });
  expect(found.every(({ length }) => length <= 4)).toBe(true);
  expect(await keptTexts(many, { ...options, longest: 4 })).toEqual(found);
  expect(await keptTexts(many, { ...options, seed: 2 })).not.toEqual(await keptTexts(many, options));
});

it("gives other work its turn among many texts", async () => {
  let turns = 0;
  const yieldToEventLoop = async () => void turns++;
  const many = Array.from({ length: 250 }, () => ids("Peru is far away."));
  expect(await keptTexts(many, { ...options, yieldToEventLoop })).toEqual([]);
  expect(turns).toBe(2);
});
