import { expect, test } from "vitest";
import { Clusters } from "../../../../../shared/data/inspect/near/clusters.ts";

test("Clusters joins what pairs connect, each group by its first", () => {
  const clusters = new Clusters(7);
  expect(clusters.join(5, 3)).toBe(true);
  expect(clusters.join(3, 1)).toBe(true);
  expect(clusters.join(1, 5)).toBe(false);
  expect(clusters.join(6, 0)).toBe(true);
  expect(clusters.first(5)).toBe(1);
  expect(clusters.groups).toEqual([
    [0, 6],
    [1, 3, 5],
  ]);
});
