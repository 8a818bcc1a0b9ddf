import { describe, expect, test } from "vitest";
import { matrix, product } from "../../../../shared/linalg/matrix.ts";
import { compress } from "../../../../trainer/edits/solve/compress.ts";
import { distance, randomRows } from "./golden.ts";

const factors = (rows: number, inner: number, columns: number) => ({
  a: randomRows(rows, inner, "a"),
  b: randomRows(inner, columns, "b"),
});

test.each([
  ["fewer facts than either side", 24, 3, 16, 3],
  ["more than the outputs", 24, 20, 16, 16],
  ["more than both", 24, 50, 16, 16],
  ["more than the inputs", 10, 50, 16, 10],
] as const)("%s: the same change at its own rank", (_, rows, inner, columns, rank) => {
  const given = factors(rows, inner, columns);
  const found = compress(given);
  expect([found.rank, found.a.shape, found.b.shape]).toEqual([rank, [rows, rank], [rank, columns]]);
  expect(distance(product(found.a, found.b), product(given.a, given.b))).toBeLessThan(1e-13);
  expect(found.lost).toBe(0);
});

test("facts that ask for the same twice do not count twice", () => {
  const { a, b } = factors(24, 2, 16);
  const twice = {
    a: matrix(
      24,
      4,
      Float64Array.from({ length: 96 }, (_, i) => a.data[2 * Math.floor(i / 4) + (i % 2)]!),
    ),
    b: matrix(4, 16, Float64Array.from([...b.data, ...b.data])),
  };
  const found = compress(twice);
  expect(found.rank).toBe(2);
  expect(distance(product(found.a, found.b), product(twice.a, twice.b))).toBeLessThan(1e-13);
});

describe("a wanted rank", () => {
  const given = factors(24, 20, 16);

  test.each([1, 5, 15])("%i: what is lost is told, and no more than any other way would lose", (rank) => {
    const found = compress(given, rank);
    const whole = product(given.a, given.b);
    expect(found.rank).toBe(rank);
    expect(distance(product(found.a, found.b), whole)).toBeCloseTo(found.lost, 12);
    expect(found.lost).toBeGreaterThan(0);
    const leading = {
      a: matrix(
        24,
        rank,
        Float64Array.from({ length: 24 * rank }, (_, i) => given.a.data[20 * Math.floor(i / rank) + (i % rank)]!),
      ),
      b: matrix(rank, 16, given.b.data.slice(0, 16 * rank)),
    };
    expect(found.lost).toBeLessThan(distance(product(leading.a, leading.b), whole));
  });

  test("that the change does not have is its own", () => expect(compress(given, 40).rank).toBe(16));
});

test("the factors share the singular values evenly", () => {
  const { a, b } = compress(factors(24, 3, 16));
  for (let index = 0; index < 3; index++) {
    const left = Math.hypot(...Array.from({ length: 24 }, (_, row) => a.data[row * 3 + index]!));
    expect(left / Math.hypot(...b.data.slice(16 * index, 16 * index + 16))).toBeCloseTo(1, 12);
  }
});

test("a change of zero has rank 1", () => {
  const { a, b, rank, lost } = compress({ a: matrix(4, 2), b: matrix(2, 3) });
  expect([rank, lost, a.shape, b.shape]).toEqual([1, 0, [4, 1], [1, 3]]);
  expect(Math.hypot(...a.data, ...b.data)).toBe(0);
});
