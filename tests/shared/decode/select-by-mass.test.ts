import { expect, it } from "vitest";
import { placeOfMass } from "../../../shared/decode/select-by-mass.ts";
import { createRandom } from "../../../shared/random.ts";

it("finds the place that sorting and adding up finds, with the same tokens before it", () => {
  const random = createRandom(12, "mass");
  for (let n = 0; n < 500; n++) {
    const size = 1 + random.below(60);
    // Few different keys make ties; whole masses make sums exact in any order.
    const keys = Array.from({ length: size }, () => random.below(8));
    const masses = Array.from({ length: size }, () => random.below(4));
    const isBefore = (a: number, b: number) => keys[a]! < keys[b]! || (keys[a] === keys[b] && a < b);
    const wanted = random.below(2 * size);
    const sorted = [...keys.keys()].sort((a, b) => (isBefore(a, b) ? -1 : 1));
    let sum = 0;
    const found = sorted.findIndex((token) => {
      sum += masses[token]!;
      return sum >= wanted;
    });
    const expected = found === -1 ? size - 1 : found;
    const order = random.permutation(size);
    const place = placeOfMass(order, { wanted, mass: (token) => masses[token]!, isBefore });
    expect(place).toBe(expected);
    expect(order[place]).toBe(sorted[expected]);
    expect([...order.subarray(0, place)].sort()).toEqual(sorted.slice(0, expected).sort());
    expect([...order].sort()).toEqual([...keys.keys()].sort());
  }
});
