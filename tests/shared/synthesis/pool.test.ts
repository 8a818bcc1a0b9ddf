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

it("knows texts by their words alone", () => {
  const pool = new Pool();
  pool.add("Où est la gare ?");
  expect(pool.has("où est, la GARE")).toBe(true);
  expect(pool.has("où est la")).toBe(false);
});
