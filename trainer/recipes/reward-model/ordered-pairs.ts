/**
 * The pairs of a better and a worse item among groups of items, by number. They are as many as the square of a group, so none is made
 * before it is asked for.
 */
import type { Random } from "../../../shared/random.ts";

/** An item with the number that says how good it is. */
export interface Scored<T> {
  readonly item: T;
  readonly score: number;
}

export interface OrderedPair<T> {
  readonly better: T;
  readonly worse: T;
}

export interface OrderedPairs<T> {
  /** Equally good items are no pair. */
  readonly count: number;
  /** The pair with a number from 0 to `count` − 1: group by group, by the better item and then by the worse one, the best first. */
  at(number: number): OrderedPair<T>;
}

/** Takes n log n time and room for n items. Items that are equally good keep their order. */
export function orderedPairs<T>(groups: Iterable<readonly Scored<T>[]>): OrderedPairs<T> {
  /** All items, group by group, the best first. */
  const items: T[] = [];
  /** For each of them, the place of the first item that is worse, and how many pairs there are up to and with it as the better one. */
  const firstWorse: number[] = [];
  const pairs: number[] = [];
  let count = 0;
  for (const group of groups) {
    const sorted = group.toSorted((one, other) => other.score - one.score);
    const start = items.length;
    const end = start + sorted.length;
    let worse = 0;
    for (const [k, { item, score }] of sorted.entries()) {
      while (worse < sorted.length && (worse <= k || sorted[worse]!.score === score)) worse += 1;
      items.push(item);
      firstWorse.push(start + worse);
      count += end - (start + worse);
      pairs.push(count);
    }
  }
  return {
    count,
    at(number) {
      // The first item whose pairs reach beyond the number.
      let [low, high] = [0, items.length - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (pairs[middle]! > number) high = middle;
        else low = middle + 1;
      }
      const before = low === 0 ? 0 : pairs[low - 1]!;
      return { better: items[low]!, worse: items[firstWorse[low]! + number - before]! };
    },
  };
}

/** All of the pairs, or `most` of them, drawn without replacement. In the order of their numbers. */
export function drawnPairs<T>(pairs: OrderedPairs<T>, most: number, random: Random): OrderedPair<T>[] {
  const { count } = pairs;
  if (count <= most) return Array.from({ length: count }, (_, number) => pairs.at(number));
  // Floyd's sampling: every set of `most` numbers is equally likely (Bentley and Floyd, "A Sample of Brilliance", 1987).
  const drawn = new Set<number>();
  for (let last = count - most; last < count; last++) {
    const number = Math.floor(random.float() * (last + 1));
    drawn.add(drawn.has(number) ? last : number);
  }
  return [...drawn].sort((a, b) => a - b).map((number) => pairs.at(number));
}
