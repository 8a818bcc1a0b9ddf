import { expect, it } from "vitest";
import { rougeL } from "../../../shared/graders/text/rouge.ts";
import { createRandom } from "../../../shared/random.ts";
import { Pool } from "../../../shared/synthesis/pool.ts";

it("finds the nearest text above the floor, as comparing with all does", () => {
  const random = createRandom(1, "pool");
  const words = ["red", "blue", "one", "two", "up", "down"];
  const text = () => Array.from({ length: 1 + random.below(8) }, () => words[random.below(6)]!).join(" ");
  const pool = new Pool();
  const all = Array.from({ length: 100 }, text);
  for (const one of all) pool.add(one);
  expect(pool.size).toBe(100);
  for (let at = 0; at < 50; at++) {
    const one = text();
    const best = Math.max(...all.map((other) => rougeL(one, other)));
    expect(pool.closest(one, 0.5)?.score ?? null).toBe(best > 0.5 ? best : null);
  }
  expect(pool.closest("nothing alike", 0)).toBeNull();
});

it("compares by the words of ROUGE-L, also where a text has others", () => {
  const pool = new Pool();
  pool.add("hello schreibe");
  const text = "Schreibe: 中文 中文 中文 中文 hello";
  expect(pool.closest(text, 0)?.score).toBe(rougeL(text, "hello schreibe"));
  // One word of "naïve" counts as two here, and a bound by whole words would miss it.
  pool.add("na ve caf");
  expect(pool.closest("naïve café", 0.7)?.text).toBe("na ve caf");
});

it("does not compare a text with all others where they share few of its words", () => {
  const random = createRandom(2, "pool");
  const pool = new Pool();
  const text = () => Array.from({ length: 12 }, () => `w${random.below(60)}`).join(" ");
  const all = Array.from({ length: 3_000 }, text);
  for (const one of all) pool.add(one);
  const clock = () => performance.now();
  const began = clock();
  for (const one of all.slice(0, 20)) for (const other of all) rougeL(one, other);
  const withAll = clock() - began;
  const again = clock();
  for (const one of all.slice(0, 20)) expect(pool.closest(one, 0.7)).toEqual({ score: 1, text: one });
  expect(clock() - again).toBeLessThan(withAll / 3);
});

it("compares long texts by their first words", () => {
  const pool = new Pool();
  pool.add("word ".repeat(60_000));
  expect(pool.closest("word ".repeat(40_000), 0.7)?.score).toBe(1);
});

it("knows texts by their words alone", () => {
  const pool = new Pool();
  pool.add("Où est la gare ?");
  expect(pool.has("où est, la GARE")).toBe(true);
  expect(pool.has("où est la")).toBe(false);
});
