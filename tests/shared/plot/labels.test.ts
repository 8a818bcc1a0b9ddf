import { describe, expect, it } from "vitest";
import { crosses, type Dot, overlap, placeLabels } from "../../../shared/plot/labels.ts";

const bounds = { x: 0, y: 0, width: 400, height: 300 };
const label = { width: 60, height: 13 };

describe("placeLabels", () => {
  it("keeps labels of crowded dots apart, inside the bounds, and off every dot", () => {
    const dots: Dot[] = Array.from({ length: 12 }, (_, n) => ({
      x: 200 + 7 * (n % 4),
      y: 150 + 9 * (n >> 2),
      ...label,
    }));
    const placed = placeLabels(dots, bounds);
    for (const [index, { box, leader }] of placed.entries()) {
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(bounds.width);
      expect(box.y).toBeGreaterThanOrEqual(0);
      expect(box.y + box.height).toBeLessThanOrEqual(bounds.height);
      for (const { x, y } of dots) expect(overlap(box, { x: x - 4, y: y - 4, width: 8, height: 8 })).toBe(false);
      for (const other of placed.slice(index + 1)) {
        expect(overlap(box, other.box)).toBe(false);
        if (leader !== undefined) expect(crosses(leader, other.box)).toBe(false);
      }
    }
  });

  it("puts the label of a lone dot beside it, or on the other side if there is no room", () => {
    const [free] = placeLabels([{ x: 100, y: 100, ...label }], bounds);
    expect(free).toEqual({ box: { x: 108, y: 93.5, width: 60, height: 13 } });
    const [cramped] = placeLabels([{ x: 380, y: 100, ...label }], bounds);
    expect(cramped!.box.x + 60).toBeCloseTo(372);
  });

  it("throws if there is no room at all", () => {
    expect(() => placeLabels([{ x: 5, y: 5, ...label }], { x: 0, y: 0, width: 10, height: 10 })).toThrow(/room/);
  });
});

describe("crosses", () => {
  const box = { x: 10, y: 10, width: 10, height: 10 };
  it.each([
    ["through it", { x: 0, y: 0 }, { x: 30, y: 30 }, true],
    ["ending in it", { x: 0, y: 15 }, { x: 12, y: 15 }, true],
    ["short of it", { x: 0, y: 15 }, { x: 9, y: 15 }, false],
    ["past a corner", { x: 0, y: 15 }, { x: 15, y: 0 }, false],
    ["level above it", { x: 0, y: 5 }, { x: 30, y: 5 }, false],
    ["upright through it", { x: 15, y: 0 }, { x: 15, y: 30 }, true],
  ])("tells a line %s", (_, from, to, expected) => {
    expect(crosses([from, to], box)).toBe(expected);
  });
});
