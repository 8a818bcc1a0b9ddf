import { describe, expect, test } from "vitest";
import { parseTokenizerConfig, parseTokenizerFile } from "../../../shared/model/tokenizer-file.ts";

const model = { type: "BPE", vocab: { a: 0 }, merges: [] };

describe("tokenizer.json", () => {
  test("missing parts are null, added tokens have every field", () => {
    const file = parseTokenizerFile({ model, added_tokens: [{ id: 1, content: "x", extra: true }] });
    expect(file).toMatchObject({ normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null });
    expect(file.added_tokens).toEqual([
      {
        id: 1,
        content: "x",
        special: false,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: true,
        extra: true,
      },
    ]);
  });

  test("a token may have the name of what every object inherits", () => {
    const named = JSON.parse('{"model":{"type":"BPE","vocab":{"__proto__":0,"constructor":1},"merges":[]}}');
    expect(Object.entries(parseTokenizerFile(named).model.vocab)).toEqual([
      ["__proto__", 0],
      ["constructor", 1],
    ]);
  });

  test("a token may be listed twice with the same id; two tokens may not share an id", () => {
    const twice = (content: string) =>
      parseTokenizerFile({
        model,
        added_tokens: [
          { id: 1, content: "x" },
          { id: 1, content },
        ],
      });
    expect(twice("x").added_tokens).toHaveLength(2);
    expect(() => twice("y")).toThrow('tokenizer.json gives two added tokens the same id 1: "x" and "y"');
  });

  test.each([
    [{ model, added_tokens: [{ id: -1, content: "x" }] }, "added_tokens.0.id"],
    [{ model, added_tokens: [{ id: 1, content: "" }] }, "added_tokens.0.content"],
    [{ model: { ...model, vocab: { a: 0.5 } } }, "model.vocab"],
    [{ model: { ...model, merges: [["a"]] } }, "model.merges.0"],
    [{ model, decoder: "ByteLevel" }, "decoder"],
  ])("%j is refused at %s", (json, where) => {
    expect(() => parseTokenizerFile(json)).toThrow(`tokenizer.json is invalid at ${where}`);
  });
});

describe("tokenizer_config.json", () => {
  test("tokens may be objects, null or missing", () => {
    const config = parseTokenizerConfig({ eos_token: { content: "</s>", lstrip: false }, pad_token: null });
    expect([config.eos_token, config.pad_token, config.bos_token]).toEqual(["</s>", undefined, undefined]);
  });

  test("a token that is a number is rejected", () => {
    expect(() => parseTokenizerConfig({ eos_token: 2 })).toThrow("tokenizer_config.json is invalid at eos_token");
  });
});
