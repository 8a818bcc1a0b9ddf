import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { createBpe } from "../../../../shared/model/tokenizing/bpe.ts";

// tests/golden/tokenizer/options.json holds whole texts to the Rust library.
const vocab = { "<unk>": 0, a: 1, b: 2, c: 3, ab: 4, bc: 5, abc: 6, aa: 7 };
const make = (options: object) => createBpe({ type: "BPE", vocab, merges: ["b c", "a b", "a bc", "a a"], ...options });

test("joins pairs in order of rank, the leftmost first", () => {
  const { encode } = make({});
  expect(["abc", "ab", "aaa", "aabc", ""].map(encode)).toEqual([[6], [4], [7, 1], [1, 6], []]);
});

test("a joined pair that was offered before is not joined again", () => {
  const { encode } = make({ merges: ["a b", "a a"] });
  expect(encode("aab")).toEqual([1, 4]);
});

test("unknown characters become the unknown token: each, a run, or none", () => {
  expect(make({ unk_token: "<unk>" }).encode("xxayy")).toEqual([0, 0, 1, 0, 0]);
  expect(make({ unk_token: "<unk>", fuse_unk: true }).encode("xxayy")).toEqual([0, 1, 0]);
  expect(make({}).encode("xxayy")).toEqual([1]);
  const absent = make({ unk_token: "<none>" });
  expect(absent.encode("a")).toEqual([1]);
  expect(() => absent.encode("x")).toThrow('its unk_token "<none>" is not in the vocabulary');
});

test("a whole word of the vocabulary comes first where merges are ignored", () => {
  const merges = ["b c"];
  expect(make({ merges }).encode("abc")).toEqual([1, 5]);
  expect(make({ merges, ignore_merges: true }).encode("abc")).toEqual([6]);
});

test("characters of one long word take less than quadratic time", () => {
  expect(make({}).encode("a".repeat(200_000))).toHaveLength(100_000);
});

test("words that are remembered keep none of the texts that they came from", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const { encode } = make({});
  const used = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  const textBytes = 1 << 20;
  for (let n = 0; n < 32; n++) encode(`${"b".repeat(textBytes)}word${n}`.padEnd(textBytes + 40, "a").slice(textBytes));
  expect(used() - before).toBeLessThan(4 * textBytes);
});

test("what cannot be equal is refused by name", () => {
  expect(() => make({ dropout: 0.1 })).toThrow("its BPE model has dropout 0.1");
  expect(make({ dropout: 0 }).encode("a")).toEqual([1]);
  expect(() => make({ merges: ["a c"] })).toThrow('its merge 0 needs the token "ac", which is not in the vocabulary');
  expect(() => make({ merges: ["a b c"] })).toThrow("its merge 0 is not a pair");
  expect(() => make({ merges: undefined })).toThrow("invalid at model.merges (BPE)");
});
