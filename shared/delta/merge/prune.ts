import { createRandom } from "../../random.ts";
import type { MergeContext, Term } from "./elementwise.ts";

/** The term with its ⌊density · n⌋ elements of largest magnitude, the first of equal ones, and zeros elsewhere. */
export function pruneSmallest(term: Term, { density }: Pick<MergeContext, "density">): Term {
  const { values } = term;
  const count = Math.floor(density * values.length);
  const kept = new Float64Array(values.length);
  if (count === 0) return { ...term, values: kept };
  const rising = values.map(Math.abs).sort();
  const threshold = rising[values.length - count]!;
  // Of the elements at the threshold, so many as the larger ones leave room for.
  let room = count - rising.filter((magnitude) => magnitude > threshold).length;
  for (const [index, value] of values.entries()) {
    const magnitude = Math.abs(value);
    if (magnitude > threshold || (magnitude === threshold && room-- > 0)) kept[index] = value;
  }
  return { ...term, values: kept };
}

/** The term with each element kept at the probability `density` and divided by it, so its expected value stays. */
export function dropAtRandom(term: Term, { density, seed, place }: MergeContext): Term {
  const random = createRandom(seed, "dare", place, term.index);
  return { ...term, values: term.values.map((value) => (random.float() < density ? value / density : 0)) };
}
