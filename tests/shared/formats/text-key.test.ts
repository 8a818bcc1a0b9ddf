import { expect, it } from "vitest";
import { textKey } from "../../../shared/formats/text-key.ts";

it("tells texts, their parts and their order apart", () => {
  const texts = [
    [""],
    ["a"],
    ["b"],
    ["a", "b"],
    ["b", "a"],
    ["ab"],
    ["ab", ""],
    ["", "ab"],
    ["a", "", "b"],
    ["é"],
    ["e\u0301"],
  ];
  const keys = texts.map((parts) => textKey(...parts));
  expect(new Set(keys).size).toBe(texts.length);
  expect(textKey("a", "b")).toBe(keys[3]);
});

it("has no two alike among many short texts, and all of its letters vary", () => {
  const keys = new Set<string>();
  for (let n = 0; n < 200_000; n++) keys.add(textKey("text", String(n)));
  expect(keys.size).toBe(200_000);
  const lengths = new Set([...keys].map((key) => key.length));
  expect([...lengths]).toEqual([14]);
});

it("spreads its halves evenly", () => {
  const counts = new Array<number>(16).fill(0);
  for (let n = 0; n < 16_000; n++) {
    const half = Number.parseInt(textKey(`line ${n}`).slice(0, 7), 36);
    counts[half % 16]! += 1;
  }
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(160);
});
