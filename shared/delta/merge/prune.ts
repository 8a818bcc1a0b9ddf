import { createRandom } from "../../random.ts";
import type { MergeContext, Term } from "./elementwise.ts";

/** Keeps the ⌊density · n⌋ elements of largest magnitude, preferring earlier ones in a tie, and sets the others to 0. */
export function pruneSmallest(term: Term, { density }: Pick<MergeContext, "density">): Term {
  const { values } = term;
  const count = Math.floor(density * values.length);
  const kept = new Float64Array(values.length);
  if (count === 0) return { ...term, values: kept };
  const ascending = values.map(Math.abs).sort();
  const threshold = ascending[values.length - count]!;
  // How many elements exactly at the threshold can be kept.
  let room = count - ascending.filter((magnitude) => magnitude > threshold).length;
  for (const [index, value] of values.entries()) {
    const magnitude = Math.abs(value);
    if (magnitude > threshold || (magnitude === threshold && room-- > 0)) kept[index] = value;
  }
  return { ...term, values: kept };
}

/** Keeps each element with probability `density` and divides it by `density`, which preserves the expected value. */
export function dropAtRandom(term: Term, { density, seed, place }: MergeContext): Term {
  const random = createRandom(seed, "dare", place, term.index);
  return { ...term, values: term.values.map((value) => (random.float() < density ? value / density : 0)) };
}
