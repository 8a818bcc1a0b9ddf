import { expect, it } from "vitest";
import { WaitQuery, waitMs } from "../../../shared/api/wait.ts";

it.each([
  ["true", 60_000],
  ["false", 0],
  ["0", 0],
  ["2.5", 2_500],
  ["300", 300_000],
])("wait=%s waits %d ms", (wait, ms) => {
  expect(waitMs(WaitQuery.parse({ wait }).wait)).toBe(ms);
});

it("refuses what is no time, or too long, and does not wait unless it is asked to", () => {
  for (const wait of ["301", "-1", "yes", "", "1e3"]) expect(WaitQuery.safeParse({ wait }).success).toBe(false);
  expect(waitMs(WaitQuery.parse({}).wait)).toBe(0);
});
