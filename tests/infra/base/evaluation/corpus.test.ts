import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { embeddedCorpus } from "../../../../infra/base/evaluation/corpus.ts";
import { corpusText, parseCorpus } from "../../../../shared/evaluation/corpus.ts";
import { loadTokenizer } from "../../../../shared/model/tokenizer.ts";

const read = (name: string) => readFileSync(new URL(`../../../../infra/base/model/${name}`, import.meta.url));
const json = (name: string) => JSON.parse(read(name).toString("utf8"));
const file = read("corpus.jsonl");

it("the embedded base's corpus is what its documents make, of about 100,000 tokens", () => {
  expect(corpusText(embeddedCorpus())).toBe(file.toString("utf8"));
  const tokenizer = loadTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));
  const tokens = parseCorpus(new Uint8Array(file)).reduce((sum, text) => sum + tokenizer.encodeTrusted(text).length, 0);
  expect(tokens).toBeGreaterThan(95_000);
  expect(tokens).toBeLessThan(115_000);
});
