import { describe, expect, it } from "vitest";
import { matrix } from "../../../../shared/linalg/matrix.ts";
import { createRandom } from "../../../../shared/random.ts";
import {
  DIRECTIONS,
  dot,
  lengthOf,
  meanDifference,
  principalDifference,
  projections,
  rowsOf,
  type Sides,
} from "../../../../trainer/recipes/steering-vector/directions.ts";

const WIDTH = 6;
const PAIRS = 9;

/** Random sides, the positive one moved along the first axis. */
function drawSides(seed: number): Sides {
  const random = createRandom(seed, "sides");
  const draw = (offset: number) =>
    matrix(
      PAIRS,
      WIDTH,
      Float64Array.from({ length: PAIRS * WIDTH }, (_, at) => random.normal() + (at % WIDTH === 0 ? offset : 0)),
    );
  return { positive: draw(5), negative: draw(0) };
}
const swapped = ({ positive, negative }: Sides): Sides => ({ positive: negative, negative: positive });

describe("meanDifference", () => {
  it("is the mean of the pairs' differences", () => {
    const sides = {
      positive: matrix(2, 2, Float64Array.of(1, 2, 3, 4)),
      negative: matrix(2, 2, Float64Array.of(0, 0, 1, -2)),
    };
    expect([...meanDifference(sides)]).toEqual([1.5, 4]);
  });
});

describe("principalDifference", () => {
  it("is an eigenvector of the differences' second moment with the largest eigenvalue", () => {
    const sides = drawSides(1);
    const v = principalDifference(sides);
    const d = sides.positive.data.map((value, at) => value - sides.negative.data[at]!);
    const spread = (x: ArrayLike<number>) => {
      let sum = 0;
      for (let row = 0; row < PAIRS; row++) sum += dot(d.subarray(row * WIDTH, (row + 1) * WIDTH), x) ** 2;
      return sum / dot(x, x);
    };
    const most = spread(v);
    // Moving off the maximum of the Rayleigh quotient lowers it, in every direction.
    for (let axis = 0; axis < WIDTH; axis++) {
      for (const step of [-0.1, 0.1]) {
        const moved = v.map((value, at) => value + (at === axis ? step : 0));
        expect(spread(moved)).toBeLessThan(most);
      }
    }
  });

  it("is as long as the mean difference along it, and points to the positive side", () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const sides = drawSides(seed);
      const v = principalDifference(sides);
      expect(dot(meanDifference(sides), v) / lengthOf(v)).toBeCloseTo(lengthOf(v), 12);
      expect(lengthOf(v)).toBeGreaterThan(1);
      const other = principalDifference(swapped(sides));
      expect(lengthOf(v.map((value, at) => value + other[at]!))).toBeLessThan(1e-9);
    }
  });

  it("is zero where there is no difference", () => {
    const { positive } = drawSides(1);
    for (const direction of Object.values(DIRECTIONS)) {
      expect([...direction({ positive, negative: positive })]).toEqual(new Array(WIDTH).fill(0));
    }
  });
});

describe("rowsOf and projections", () => {
  it("take pairs in the given order", () => {
    const sides = {
      positive: matrix(3, 1, Float64Array.of(1, 2, 3)),
      negative: matrix(3, 1, Float64Array.of(4, 5, 6)),
    };
    const rows = rowsOf(sides, [2, 0]);
    expect([...rows.positive.data]).toEqual([3, 1]);
    expect([...rows.negative.data]).toEqual([6, 4]);
    expect(projections(rows.negative, Float64Array.of(-2))).toEqual([-12, -8]);
  });
});
