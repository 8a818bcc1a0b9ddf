import { describe, expect, it } from "vitest";
import { SteeringObject } from "../../../shared/api/steering.ts";
import type { GridValue } from "../../../shared/api/steering-sweep.ts";
import { expandGrid } from "../../../shared/sweep/grid.ts";

const steering = SteeringObject.parse({
  experts: [
    { id: "ft:kind", weight: 1 },
    { id: "ft:rude", weight: -1 },
  ],
  contrastive: { amateur: "small" },
});

describe("a grid", () => {
  it("has a cell for every combination, the last path's values varying fastest", () => {
    const before = structuredClone(steering);
    const cells = expandGrid(steering, { "experts.1.weight": [-1, -2], "contrastive.alpha": [0.1, 0.2, 0.3] });
    expect(cells.map(({ grid }) => Object.values(grid))).toEqual([
      [-1, 0.1],
      [-1, 0.2],
      [-1, 0.3],
      [-2, 0.1],
      [-2, 0.2],
      [-2, 0.3],
    ]);
    expect(cells[5]).toEqual({
      grid: { "experts.1.weight": -2, "contrastive.alpha": 0.3 },
      steering: {
        experts: [
          { id: "ft:kind", weight: 1 },
          { id: "ft:rude", weight: -2 },
        ],
        contrastive: { amateur: "small", alpha: 0.3, temperature: 0.5 },
      },
    });
    expect(steering).toEqual(before);
  });

  it("may name an element in brackets, and texts beside numbers", () => {
    const cells = expandGrid(steering, { "experts[0].id": ["ft:kind", "ft:new"] });
    expect(cells.map(({ steering: { experts } }) => Array.isArray(experts) && experts[0]?.id)).toEqual([
      "ft:kind",
      "ft:new",
    ]);
  });

  it.each<[Record<string, GridValue[]>, string, string]>([
    [{ "classifier.0.strength": [1] }, "grid.classifier.0.strength", "`steering` has no `classifier`"],
    [{ "experts.2.weight": [1] }, "grid.experts.2.weight", "`steering.experts` has 2 entries"],
    [{ "experts.weight": [1] }, "grid.experts.weight", "`steering.experts` is a list, and takes a number"],
    [{ "contrastive.0": [1] }, "grid.contrastive.0", "is no list, and takes the name of a field"],
    [{ "contrastive.amateur.x": [1] }, "grid.contrastive.amateur.x", "`steering.contrastive.amateur` has no fields"],
    [{ "experts.0.strenght": [1] }, "grid.experts.0.strenght", "cannot have the value 1: is an unknown field"],
    [{ wind: [1] }, "grid.wind", "cannot have the value 1: is an unknown field"],
    [{ "experts.0.weight": [1, 99] }, "grid.experts.0.weight", "cannot have the value 99: must be at most 20"],
    [{ "experts.0.weight": ["1"] }, "grid.experts.0.weight", 'cannot have the value "1": must be a number'],
    [{ experts: [1] }, "grid.experts", "cannot have the value 1: must be a list"],
    [{ "experts.0.weight": [1, 2, 1] }, "grid.experts.0.weight", "has the value 1 twice"],
    [{ "": [1] }, "grid.", "is no path"],
    [{ "experts..weight": [1] }, "grid.experts..weight", "is no path"],
    [{ "__proto__.x": [1] }, "grid.__proto__.x", "is no path"],
    [{ "constructor.prototype": [1] }, "grid.constructor.prototype", "has no `constructor`"],
    [{ "experts.0.weight": [1], "experts[0].weight": [2] }, "grid.experts[0].weight", "is the same place as"],
  ])("%j is refused", (grid, param, message) => {
    expect(() => expandGrid(steering, grid)).toThrow(
      expect.objectContaining({ code: "invalid_request", param, message: expect.stringContaining(message) }),
    );
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it("has at most 64 cells", () => {
    const values = (count: number) => Array.from({ length: count }, (_, index) => index / 100);
    expect(expandGrid(steering, { "experts.0.weight": values(8), "experts.1.weight": values(8) })).toHaveLength(64);
    const grid = { "experts.0.weight": values(13), "experts.1.weight": values(5) };
    expect(() => expandGrid(steering, grid)).toThrow(
      "`grid` has 65 cells, and a sweep at most 64. Give it fewer values.",
    );
  });
});
