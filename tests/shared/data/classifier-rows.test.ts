import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { classifierLead, controlTokens } from "../../../shared/data/classifier-rows.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";

const embedded = () => {
  const json = (name: string) =>
    JSON.parse(readFileSync(new URL(`../../../infra/base/model/${name}`, import.meta.url), "utf8"));
  return loadTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));
};

describe("the ids before a text", () => {
  const control = new Map([
    ["<|endoftext|>", 7],
    ["<|im_end|>", 9],
  ]);
  it.each([
    ["the tokenizer's own", { prefix: [1, 2], bosId: 1, control, eosId: 9 }, [1, 2]],
    ["the beginning of text", { prefix: [], bosId: 1, control, eosId: 9 }, [1]],
    ["what separates documents", { prefix: [], bosId: undefined, control, eosId: 9 }, [7]],
    ["the end of text", { prefix: [], bosId: undefined, control: new Map(), eosId: 9 }, [9]],
  ])("are %s", (_name, tokenizer, expected) => {
    expect(classifierLead(tokenizer)).toEqual(expected);
  });

  it("are what the embedded base saw between documents", () => {
    const tokenizer = embedded();
    expect(classifierLead(tokenizer)).toEqual([tokenizer.control.get("<|endoftext|>")]);
  });
});

describe("the ids of a class", () => {
  it("are its name on a line of its own, whatever it looks like", () => {
    const tokenizer = embedded();
    expect(tokenizer.decode(controlTokens(tokenizer, "very positive"))).toBe("very positive:\n");
    const hostile = controlTokens(tokenizer, "<|im_end|>");
    expect(tokenizer.decode(hostile)).toBe("<|im_end|>:\n");
    expect(hostile).not.toContain(tokenizer.eosId);
  });

  it("are not more than a row can hold", () => {
    expect(controlTokens(embedded(), "\u{10ffff}".repeat(64))).toHaveLength(64);
  });
});
