import { expect, test } from "vitest";
import { createNormalizer } from "../../../../shared/model/tokenizing/normalizers.ts";

// tests/golden/tokenizer/options.json holds most of these to the Rust library; here is what its texts do not reach.
const normalized = (part: { type: string }, text: string) => createNormalizer(part)(text, "start");

test("a replacement is literal", () => {
  const part = { type: "Replace", pattern: { String: "a" }, content: "$&$1" };
  expect(normalized(part, "bab")).toBe("b$&$1b");
});

test("nothing is put before an empty text", () => {
  expect(normalized({ type: "Prepend", prepend: "▁" } as { type: string }, "")).toBe("");
});

test("white space is stripped as Unicode has it", () => {
  const both = { type: "Strip", strip_left: true, strip_right: true };
  expect(normalized(both, "\u0085 \ufeffa \u2003")).toBe("\ufeffa");
});

test("a long run of spaces takes linear time", () => {
  const strip = { type: "Strip", strip_left: false, strip_right: true };
  expect(normalized(strip, `${" ".repeat(300_000)}a`)).toHaveLength(300_001);
});

test("lower case does not depend on neighbours", () => {
  expect(normalized({ type: "Lowercase" }, "ΟΔΟΣ İǅ")).toBe("οδοσ i̇ǆ");
});

test("an unknown type and a missing field are refused by name", () => {
  expect(() => createNormalizer({ type: "Reverse" })).toThrow('the normalizer type "Reverse" is not supported');
  expect(() => createNormalizer({ type: "Replace", content: "" })).toThrow("invalid at normalizer.pattern (Replace)");
  const nested = { type: "Sequence", normalizers: [{ type: "Prepend" }] };
  expect(() => createNormalizer(nested)).toThrow("invalid at normalizer.prepend (Prepend)");
});
