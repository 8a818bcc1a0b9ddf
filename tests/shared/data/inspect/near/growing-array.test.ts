import { expect, test } from "vitest";
import { GrowingArray } from "../../../../../shared/data/inspect/near/growing-array.ts";

test("GrowingArray keeps what was appended while it grows", () => {
  const array = new GrowingArray();
  for (let at = 0; at < 3000; at++) array.append([at, 2 * at]);
  array.extend(2).set([7, 8], array.length - 2);
  expect(array.length).toBe(6002);
  expect(array.bytes).toBe(4 * 6002);
  expect([...array.data.subarray(5998, 6002)]).toEqual([2999, 5998, 7, 8]);
});
