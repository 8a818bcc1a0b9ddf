import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { asLoaded } from "../../../shared/model/llama-tokenizer.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { parseTokenizerConfig, parseTokenizerFile, type TokenizerFile } from "../../../shared/model/tokenizer-file.ts";

interface Case {
  readonly name: string;
  readonly settings: object;
  readonly config: object | null;
  readonly added: object[];
  readonly ids: number[][];
  readonly plain: (number[] | null)[];
  readonly decoded: string[];
  readonly randomDecoded: string[];
}

const golden = new URL("../../golden/tokenizer/", import.meta.url);
const read = (path: string) => JSON.parse(readFileSync(new URL(path, golden), "utf8"));
const { texts, random, cases } = read("llama.json") as { texts: string[]; random: number[][]; cases: Case[] };
const source = read("hub/llama2-like/tokenizer.json");

describe.each(cases)("a tokenizer.json $name", ({ settings, config, added, ids, plain, decoded, randomDecoded }) => {
  const file = { ...source, added_tokens: [...source.added_tokens, ...added] };
  const tokenizer = loadTokenizer(file, settings, { modelConfig: config ?? undefined });

  test("encodes as transformers does", () => {
    for (const [i, text] of texts.entries()) {
      expect(tokenizer.encodeTrusted(text), JSON.stringify(text)).toEqual(ids[i]);
      const special = /<\/?s>|<\|turn\|>|<tool>/.test(text);
      if (!special) expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(plain[i] ?? ids[i]);
    }
    expect(tokenizer.prefix).toEqual([1]);
  });

  test("decodes as transformers does", () => {
    for (const [i, text] of decoded.entries()) expect(tokenizer.decode(ids[i]!), JSON.stringify(text)).toBe(text);
    for (const [i, text] of randomDecoded.entries()) expect(tokenizer.decode(random[i]!), `${random[i]}`).toBe(text);
  });
});

test("the cases differ in how they cut and join", () => {
  const distinct = new Set(cases.map(({ ids, decoded }) => JSON.stringify([ids, decoded])));
  expect(distinct.size).toBeGreaterThan(5);
});

describe("of the class LlamaTokenizer", () => {
  const config = parseTokenizerConfig({ tokenizer_class: "LlamaTokenizer" });
  const load = (file: Partial<TokenizerFile>, modelConfig: unknown = { model_type: "llama" }) =>
    asLoaded(parseTokenizerFile({ ...source, ...file }), config, modelConfig);

  test("a vocabulary of bytes keeps its file", () => {
    const file = { pre_tokenizer: { type: "ByteLevel" }, normalizer: null };
    expect(load(file)).toEqual(parseTokenizerFile({ ...source, ...file }));
  });

  test("config.json may name the class, and tokenizer_config.json comes first", () => {
    const named = { model_type: "llama", tokenizer_class: "LlamaTokenizerFast" };
    const file = parseTokenizerFile(source);
    expect(asLoaded(file, parseTokenizerConfig({}), named).normalizer).toBeNull();
    expect(asLoaded(file, parseTokenizerConfig({ tokenizer_class: "PreTrainedTokenizerFast" }), named)).toBe(file);
  });

  test("a vocabulary without merges is refused, with what to do", () => {
    const vocab: [string, number][] = [
      ["<unk>", 0],
      ["a", -1],
    ];
    expect(() => load({ model: { type: "Unigram", unk_id: 0, vocab } })).toThrow(
      expect.objectContaining({
        code: "invalid_model",
        message: expect.stringContaining('set tokenizer_class to "PreTrainedTokenizerFast" in tokenizer_config.json'),
      }),
    );
    expect(load({ model: { type: "Unigram", unk_id: 0, vocab } }, { model_type: "mistral" }).model.vocab).toEqual(
      vocab,
    );
  });

  test("settings of another type are refused by name", () => {
    expect(() => parseTokenizerConfig({ legacy: "yes" })).toThrow("tokenizer_config.json is invalid at legacy");
  });
});
