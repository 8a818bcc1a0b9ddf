import { expect, test } from "vitest";
import { Buckets } from "../../../../../shared/data/inspect/near/buckets.ts";

test("Buckets walks the things of a key from the latest to the earliest", () => {
  const buckets = new Buckets(4);
  for (const [thing, key] of [7, 9, 7, 7].entries()) buckets.add(thing, key);
  const walked: number[] = [];
  for (let at = buckets.latest(7); at >= 0; at = buckets.before(at)) walked.push(at);
  expect(walked.filter((at) => at !== 1)).toEqual([3, 2, 0]);
  expect(buckets.latest(8)).toBe(-1);
  buckets.clear();
  expect(buckets.latest(7)).toBe(-1);
});
