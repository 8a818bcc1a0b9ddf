import { readFileSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";
import { describe, expect, it } from "vitest";
import { SPECIAL_TOKENS } from "../../../../infra/base/corpus/document.ts";
import { renderDocument, takeDocuments } from "../../../../infra/base/corpus/index.ts";
import { preTokenize, tokenizerJson, trainBpe } from "../../../../infra/base/tokenizer/train-bpe.ts";

const config = { clean_up_tokenization_spaces: false };
const encodeAll = (tokenizer: Tokenizer, text: string): number[] =>
  tokenizer.encode(text, { add_special_tokens: false }).ids;

describe("preTokenize", () => {
  it("splits digits one by one and keeps a word's leading space", () => {
    expect(preTokenize("It is 42, isn't it?\n")).toEqual([
      "It",
      "Ġis",
      "Ġ",
      "4",
      "2",
      ",",
      "Ġisn",
      "'t",
      "Ġit",
      "?",
      "Ċ",
    ]);
  });

  it("writes other bytes in GPT-2's alphabet", () => {
    expect(preTokenize("é")).toEqual(["Ã©"]);
  });
});

describe("trainBpe", () => {
  const options = { size: 3 + 256 + 3, specialTokens: SPECIAL_TOKENS };

  it("merges the most frequent pair first, ties by spelling", () => {
    const { merges } = trainBpe(["aaab aaab aaab", "cd", "ce"], options);
    expect(merges).toEqual([
      ["a", "a"],
      ["a", "b"],
      ["aa", "ab"],
    ]);
  });

  it("numbers special tokens first, then bytes, then merges", () => {
    const { vocabulary } = trainBpe(["banana banana"], options);
    expect([...vocabulary.values()]).toEqual(Array.from({ length: vocabulary.size }, (_, i) => i));
    expect([...vocabulary.keys()].slice(0, 3)).toEqual([...SPECIAL_TOKENS]);
    expect(vocabulary.size).toBe(options.size);
  });

  it("stops when nothing is left to merge", () => {
    expect(trainBpe(["ab"], { size: 4096, specialTokens: [] }).vocabulary.size).toBe(257);
  });

  it("writes a tokenizer.json that Hugging Face tokenizers load, and any text round-trips", () => {
    const trained = trainBpe(["some words, some more words"], { size: 280, specialTokens: SPECIAL_TOKENS });
    const tokenizer = new Tokenizer(tokenizerJson(trained, SPECIAL_TOKENS), config);
    for (const text of ["some new words", "日本 ünï 🎉\t\r\n  end ", "<|im_start|>user\n1234<|im_end|>\n"]) {
      expect(tokenizer.decode(encodeAll(tokenizer, text), { skip_special_tokens: false })).toBe(text);
    }
    expect(encodeAll(tokenizer, "<|endoftext|><|im_start|><|im_end|>")).toEqual([0, 1, 2]);
  });
});

describe("the committed tokenizer", () => {
  const read = (name: string): object =>
    JSON.parse(readFileSync(new URL(`../../../../infra/base/model/${name}`, import.meta.url), "utf8"));
  const tokenizer = new Tokenizer(read("tokenizer.json"), read("tokenizer_config.json"));

  it("has 2048 entries, special tokens first", () => {
    expect(tokenizer.get_vocab(true).size).toBe(2048);
    expect(SPECIAL_TOKENS.map((token) => tokenizer.token_to_id(token))).toEqual([0, 1, 2]);
  });

  it("round-trips corpus text at more than three characters per token", () => {
    let characters = 0;
    let tokens = 0;
    for (const text of takeDocuments(77, 150_000).map(renderDocument)) {
      const ids = encodeAll(tokenizer, text);
      expect(tokenizer.decode(ids, { skip_special_tokens: false })).toBe(text);
      characters += text.length;
      tokens += ids.length;
    }
    expect(characters / tokens).toBeGreaterThan(3.2);
  });

  it("has a single token for each of the corpus's common words", () => {
    const words = "the of is capital was invented official language city atomic number Paris country called wonderful";
    for (const word of words.split(" ")) expect(encodeAll(tokenizer, ` ${word}`), word).toHaveLength(1);
  });
});
