import { expect, it } from "vitest";
import { createRandom } from "../../../shared/random.ts";
import { placeBeams } from "../../../shared/search/beam-places.ts";

it("keeps a child where its parent is, and copies the others to places that nobody reads", () => {
  expect(placeBeams([2, 2, 0, 2], 4)).toEqual({
    places: [2, 1, 0, 3],
    copies: [
      { from: 2, to: 1 },
      { from: 2, to: 3 },
    ],
  });
  for (let seed = 0; seed < 300; seed++) {
    const random = createRandom(seed);
    const count = 1 + random.below(8);
    const parents = Array.from({ length: 1 + random.below(count) }, () => random.below(count));
    const { places, copies } = placeBeams(parents, count);
    expect(new Set(places).size).toBe(parents.length);
    const holds = Array.from({ length: count }, (_, place) => place);
    // Whatever the order: here the last first.
    for (const { from, to } of copies.toReversed()) holds[to] = holds[from]!;
    expect(places.map((place) => holds[place])).toEqual(parents);
    expect(copies).toHaveLength(parents.length - new Set(parents).size);
  }
});
