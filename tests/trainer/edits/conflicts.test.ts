import { describe, expect, it } from "vitest";
import { matrix } from "../../../shared/linalg/matrix.ts";
import { earlierFacts, interferingKeys } from "../../../trainer/edits/conflicts.ts";
import type { EarlierEdit } from "../../../trainer/edits/earlier-edits.ts";

const fact = (prompt: string, subject: string, target_new: string) => ({ prompt, subject, target_new });
const yieldToEventLoop = async () => undefined;
const snow = fact("The colour of snow is", "snow", "red");
const earlier: EarlierEdit = {
  id: "edit-1",
  file: {
    ...{
      method: "memit",
      value_norm: null,
      facts: [
        { index: 2, ...fact("the colour of  Snow is", "Snow", "blue") },
        { index: 5, ...snow },
      ],
    },
    keys: new Map([[1, matrix(2, 2, Float64Array.of(1, 0, 0, 0))]]),
  },
};

it("names earlier facts by their places in their edit", () => {
  expect(earlierFacts([earlier])).toMatchObject([
    { edit: "edit-1", fact: 2, subject: "Snow" },
    { edit: "edit-1", fact: 5, subject: "snow" },
  ]);
});

describe("interfering keys", () => {
  const facts = [snow, fact("Snow feels", "Snow", "warm"), fact("Coal is", "Coal", "white")];
  const keys = matrix(3, 2, Float64Array.of(1, 0, 1, 0.5, 0, 1));

  it("are those with a small angle where C is even, the closest first, and keys of zeros never", async () => {
    const even = matrix(2, 2, Float64Array.of(1, 0, 0, 1));
    const found = await interferingKeys(facts, keys, {
      edits: [earlier],
      layer: 1,
      secondMoment: even,
      yieldToEventLoop,
    });
    expect(found.map(({ fact: index, with: other }) => [index, other.edit, other.fact])).toEqual([
      [0, "edit-1", 2],
      [1, null, 0],
      [1, "edit-1", 2],
    ]);
    expect(found[1]!.angle_degrees).toBeCloseTo((Math.atan(0.5) * 180) / Math.PI, 9);
  });

  it("are measured as the solve sees them: what the texts use much counts little", async () => {
    const uneven = matrix(2, 2, Float64Array.of(100, 0, 0, 1));
    const found = await interferingKeys(facts, keys, { edits: [], layer: 1, secondMoment: uneven, yieldToEventLoop });
    expect(found.map(({ fact: index, with: other }) => [index, other.fact])).toEqual([[2, 1]]);
  });

  it("are found where C has directions that no text used", async () => {
    // Sums in 32 bits leave such directions a little below 0.
    const flat = matrix(2, 2, Float64Array.of(1, 0, 0, -1e-8));
    const found = await interferingKeys(facts, keys, { edits: [], layer: 1, secondMoment: flat, yieldToEventLoop });
    expect(found.map(({ fact: index, with: other }) => [index, other.fact])).toEqual([[2, 1]]);
  });

  it("of very many the closest are kept, and other work has its turn", async () => {
    const [count, width] = [700, 128];
    const same = Array.from({ length: count }, () => snow);
    // The angle to any other key is the smaller the later both stand.
    const rows = matrix(count, width);
    for (let row = 0; row < count; row++) {
      rows.data[row * width] = 1;
      rows.data[row * width + 1] = (count - row) / count / 2;
    }
    const identity = matrix(width, width);
    for (let at = 0; at < width; at++) identity.data[at * width + at] = 1;
    let turns = 0;
    const found = await interferingKeys(same, rows, {
      ...{ edits: [], layer: 1, secondMoment: identity },
      yieldToEventLoop: async () => {
        turns += 1;
      },
    });
    expect(found).toHaveLength(200);
    expect(turns).toBeGreaterThan(0);
    const nearest = found.map(({ fact: index, with: other }) => index - other.fact);
    expect(new Set(nearest)).toEqual(new Set([1]));
  });
});
