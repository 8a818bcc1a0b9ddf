import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodedMask, markedText } from "../../../shared/data/decoded-mask.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";

const hub = new URL("../../golden/tokenizer/hub/gpt2-like/", import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(new URL(path, hub), "utf8"));
const tokenizer = loadTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));

function masked(...parts: [text: string, trained: boolean][]) {
  const tokens = parts.map(([text, trained]) => ({ ids: tokenizer.encodeTrusted(text), trained }));
  const ids = tokens.flatMap((part) => part.ids);
  const labels = tokens.flatMap((part) => part.ids.map((id) => (part.trained ? id : -100)));
  return decodedMask({ ids, labels }, tokenizer);
}

describe("decodedMask", () => {
  test("is the text in segments, with their tokens", () => {
    const segments = masked(["<|im_start|>Q", false], ["A<|im_end|>", true], ["\n", false]);
    expect(segments.map(({ text, trained }) => [text, trained])).toEqual([
      ["<|im_start|>Q", false],
      ["A<|im_end|>", true],
      ["\n", false],
    ]);
    expect(segments.flatMap(({ tokens }) => tokens)).toEqual(tokenizer.encodeTrusted("<|im_start|>QA<|im_end|>\n"));
    expect(decodedMask({ ids: [], labels: [] }, tokenizer)).toEqual([]);
  });

  test("a character that two segments share is in the later one", () => {
    const ids = tokenizer.encode("漢");
    expect(ids.length).toBeGreaterThan(1);
    const segments = decodedMask({ ids, labels: ids.map((id, at) => (at === 0 ? -100 : id)) }, tokenizer);
    expect(segments.map(({ text }) => text)).toEqual(["", "漢"]);
    const torn = decodedMask({ ids: ids.slice(0, 1), labels: [-100] }, tokenizer);
    expect(torn[0]!.text).toBe("\ufffd");
  });
});

describe("markedText", () => {
  const segment = (text: string, trained: boolean) => ({ text, trained, tokens: [] });

  test("puts the trained parts in brackets", () => {
    expect(markedText([segment("Q", false), segment("A", true), segment("\n", false)], 99)).toBe("Q⟦A⟧\n");
  });

  test("keeps both ends of long parts, and never exceeds its limit", () => {
    const text = markedText([segment("q".repeat(500), false), segment(`b${"-".repeat(500)}e`, true)], 100);
    expect(text).toMatch(/^q+ … q+⟦b-+ … -+e⟧$/);
    expect(text.length).toBeLessThanOrEqual(100);
    const many = Array.from({ length: 50 }, (_, at) => segment("x".repeat(40), at % 2 === 0));
    expect(markedText(many, 100)).toHaveLength(100);
  });
});
