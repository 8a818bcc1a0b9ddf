import { expect, it } from "vitest";
import { layOut, textFeeds } from "../../../../trainer/edits/refine/lay-out.ts";

const text = (...ids: number[]) => ({ ids: Int32Array.from(ids) });
const shape = { rows: 2, tokens: 5 };

it("puts each text in the first row with room, and ends at the first that has none", () => {
  const texts = [text(1, 2, 3), text(4, 5, 6), text(7, 8), text(9, 10, 11), text(12)];
  const { placed, rest } = layOut(texts, shape);
  expect(placed.map(({ start }) => start)).toEqual([0, 5, 3]);
  expect(placed.map(({ text: own }) => own)).toEqual(texts.slice(0, 3));
  // The last one would fit, but keeps its turn.
  expect(rest).toEqual(texts.slice(3));
  expect(layOut(texts.slice(0, 2), shape).rest).toEqual([]);
});

it("counts positions within each text, which sees itself alone, and pads the rest", () => {
  const { placed } = layOut([text(1, 2, 3), text(4, 5, 6), text(7, 8)], shape);
  const { tokens, positions, segments } = textFeeds(placed, shape, 99);
  expect([...tokens.data].map(Number)).toEqual([1, 2, 3, 7, 8, 4, 5, 6, 99, 99]);
  expect([...positions.data].map(Number)).toEqual([0, 1, 2, 0, 1, 0, 1, 2, 0, 0]);
  expect([...segments.data]).toEqual([1, 1, 1, 3, 3, 2, 2, 2, 0, 0]);
  expect(segments.dtype).toBe("i32");
});
