/** What is measured on replies that graders judged. */
import type { Measure } from "./measure.ts";
import type { GeneratedResult, SuiteItem } from "./suite.ts";

/** A result with its item. */
export interface Graded<Item extends SuiteItem> {
  readonly item: Item;
  readonly index: number;
  readonly grade: (criterion: string) => number;
}

/** @throws Error for a result without its item; a grade that is missing throws where it is asked for */
export function gradedOf<Item extends SuiteItem>(
  items: readonly Item[],
  results: readonly GeneratedResult[],
): Graded<Item>[] {
  return results.map(({ item: index, grades }) => {
    const item = items[index];
    if (item === undefined) throw new Error(`Result of item ${index}, which the suite does not have.`);
    const grade = (criterion: string) => {
      const found = Object.hasOwn(grades, criterion) ? grades[criterion] : undefined;
      if (found === undefined) throw new Error(`Result of item ${index} has no grade by ${criterion}.`);
      return found;
    };
    return { item, index, grade };
  });
}

/** A share of these results. */
export function gradedShare<Item extends SuiteItem>(
  graded: readonly Graded<Item>[],
  value: (one: Graded<Item>) => number,
): Measure {
  return { kind: "share", values: graded.map(value), items: graded.map(({ index }) => index) };
}
