import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { TokenCounts } from "../../../../shared/data/inspect/token-counts.ts";
import { loadTokenizer } from "../../../../shared/model/tokenizer.ts";

const hub = new URL("../../../golden/tokenizer/hub/gpt2-like/", import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(new URL(path, hub), "utf8"));
const tokenizer = loadTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));
const template = () => {
  throw new Error("no chat is read");
};
const pair = (completion: string) => [{ kind: "completion", prompt: "say", completion } as const];
const open = (every = 1) => new TokenCounts({ tokenizer, template, maxLength: 20, every }, 2);

describe("TokenCounts", () => {
  test("says what is trained on, cut and dropped, by line", () => {
    const counts = open();
    counts.add({ line: 1, characters: 99 }, pair("a"));
    counts.add({ line: 2, characters: 99 }, pair("word ".repeat(40)));
    counts.add({ line: 3, characters: 99 }, [{ kind: "completion", prompt: "word ".repeat(40), completion: "late" }]);
    const { lengths, tokens, trained_tokens: trained, ...figures } = counts.figures;
    expect(figures).toMatchObject({
      max_length: 20,
      encoded_lines: 3,
      kept: 2,
      truncated: 1,
      truncated_lines: [2],
      dropped: 1,
      dropped_for: { reply_beyond_limit: 1 },
      dropped_lines: [{ line: 3, reason: "the text to train on begins after 20 tokens" }],
      tokens_per_epoch: tokens,
      trained_share: trained / tokens,
    });
    expect(lengths).toMatchObject({ count: 3 });
    expect(lengths!.max).toBeGreaterThan(40);
  });

  test("does not encode a line that would take the thread for seconds", () => {
    const counts = open();
    counts.add({ line: 1, characters: 2_000_000 }, pair("never read"));
    counts.add({ line: 2, characters: 99 }, pair("read"));
    expect(counts.figures).toMatchObject({ encoded_lines: 1, kept: 1 });
  });

  test("encodes evenly spread lines of a large file, and tells of all", () => {
    const [all, some] = [open(), open(4)];
    for (let line = 1; line <= 40; line++)
      for (const counts of [all, some]) counts.add({ line: line, characters: 99 }, pair("the same words"));
    expect(some.figures.encoded_lines).toBe(10);
    expect(some.figures.tokens_per_epoch).toBe(all.figures.tokens_per_epoch);
    expect(open().figures).toMatchObject({ lengths: null, trained_share: null, tokens_per_epoch: 0 });
  });
});
