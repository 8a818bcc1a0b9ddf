import { expect, test } from "vitest";
import { Findings } from "../../../../shared/data/inspect/findings.ts";

test("Findings counts lines, not findings, and names the first of them", () => {
  const findings = new Findings<{ line: number }>(2);
  for (const line of [1, 1, 4, 9]) findings.add({ line });
  expect(findings.lines).toBe(3);
  expect(findings.examples).toEqual([{ line: 1 }, { line: 1 }]);
});
