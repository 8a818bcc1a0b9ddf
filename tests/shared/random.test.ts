import { describe, expect, test } from "vitest";
import { createRandom, xoshiro128 } from "../../shared/random.ts";

describe("createRandom", () => {
  test("the same seed and stream repeat; others differ", () => {
    const draw = (...args: [number, ...(number | string)[]]) => {
      const random = createRandom(...args);
      return Array.from({ length: 8 }, () => random.uint32());
    };
    expect(draw(1, "a", 2)).toEqual(draw(1, "a", 2));
    const streams = [draw(1), draw(2), draw(1, "a"), draw(1, "b"), draw(1, "a", 1), draw(1, "a", "1"), draw(-1)];
    expect(new Set(streams.map(String)).size).toBe(streams.length);
  });

  test("the numbers are pinned, since checkpoints depend on them", () => {
    const random = createRandom(7, "pin");
    expect([random.uint32(), random.uint32(), random.uint32()]).toMatchInlineSnapshot(`
      [
        4201039166,
        2115321757,
        4030854038,
      ]
    `);
  });

  test("the generator gives what the published C code gives from the state 1, 2, 3, 4", () => {
    const next = xoshiro128(Uint32Array.of(1, 2, 3, 4));
    const drawn = Array.from({ length: 8 }, next);
    expect(drawn).toEqual([11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849]);
  });

  test("float is uniform on [0, 1)", () => {
    const random = createRandom(3);
    const bins = new Array<number>(16).fill(0);
    for (let draw = 0; draw < 32_000; draw++) {
      const value = random.float();
      expect(value >= 0 && value < 1).toBe(true);
      bins[Math.floor(value * 16)]! += 1;
    }
    for (const count of bins) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });

  test("normal has mean 0, variance 1 and kurtosis 3", () => {
    const random = createRandom(4);
    const values = Array.from({ length: 40_000 }, () => random.normal());
    const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
    expect(Math.abs(moment(1))).toBeLessThan(0.02);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.03);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.15);
  });

  test("below stays under its limit and is uniform", () => {
    const random = createRandom(5);
    const counts = [0, 0, 0];
    for (let draw = 0; draw < 9000; draw++) counts[random.below(3)]! += 1;
    for (const count of counts) expect(Math.abs(count - 3000)).toBeLessThan(200);
    expect(random.below(1)).toBe(0);
  });

  test("permutation holds every index once, and every order occurs", () => {
    expect([...createRandom(6).permutation(100)].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 1200; seed++) {
      const key = createRandom(seed).permutation(3).join("");
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 200)).toBeLessThan(60);
    expect(createRandom(1).permutation(0)).toHaveLength(0);
  });
});
