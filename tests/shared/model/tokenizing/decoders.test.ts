import { expect, test } from "vitest";
import { createDecoder, hasByteFallback, isByteLevelDecoder } from "../../../../shared/model/tokenizing/decoders.ts";

// tests/golden/tokenizer/options.json holds these to the Rust library; here is what its ids do not reach.
const decoded = (part: { type: string } | null, tokens: string[]) => createDecoder(part)(tokens).join("");

test("a run of byte tokens is text as a whole or one U+FFFD per byte", () => {
  const part = { type: "ByteFallback" };
  expect(decoded(part, ["<0xC3>", "<0xA9>", "a"])).toBe("éa");
  expect(decoded(part, ["<0xC3>", "<0xA9>", "<0xC3>", "a", "<0xef>", "<0xbb>", "<0xbf>"])).toBe(
    "\ufffd\ufffd\ufffda\ufeff",
  );
});

test("tokens that are not of the byte alphabet are text", () => {
  expect(decoded({ type: "ByteLevel" }, ["aĠ", "日", "a b", "Ã"])).toBe("a 日a b\ufffd");
});

test("characters are stripped from both ends of every token", () => {
  const strip = { type: "Strip", content: "x", start: 1, stop: 2 };
  expect(createDecoder(strip)(["xxaxxx", "x", "", "a"])).toEqual(["xax", "", "", "a"]);
});

test("every ▁ of the first token belongs to no text, unless none is put there", () => {
  const part = { type: "Metaspace", replacement: "▁" };
  expect(decoded(part, ["▁▁a", "▁▁b"])).toBe("a  b");
  expect(decoded({ ...part, prepend_scheme: "never" } as { type: string }, ["▁a"])).toBe(" a");
});

test("which decoders map each token by itself", () => {
  const sequence = (...types: string[]) => ({ type: "Sequence", decoders: types.map((type) => ({ type })) });
  expect([{ type: "ByteLevel" }, sequence("ByteLevel"), sequence("ByteLevel", "Fuse")].map(isByteLevelDecoder)).toEqual(
    [true, true, true],
  );
  expect([null, { type: "Metaspace" }, sequence("Replace", "ByteLevel")].map(isByteLevelDecoder)).toEqual([
    false,
    false,
    false,
  ]);
});

test("whether <0x0A> is a byte depends on the decoder", () => {
  const fallback = { type: "ByteFallback" };
  const sequence = { type: "Sequence", decoders: [{ type: "Fuse" }, fallback] };
  expect([fallback, sequence].map(hasByteFallback)).toEqual([true, true]);
  expect([null, { type: "Metaspace" }, { type: "Sequence", decoders: [] }].map(hasByteFallback)).toEqual([
    false,
    false,
    false,
  ]);
});

test("an unknown type and a wrong field are refused by name", () => {
  expect(() => createDecoder({ type: "CTC" })).toThrow('the decoder type "CTC" is not supported');
  expect(() => createDecoder({ type: "Strip", content: " " })).toThrow("invalid at decoder.start (Strip)");
});
