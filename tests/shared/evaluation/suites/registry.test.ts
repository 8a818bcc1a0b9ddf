import { expect, it } from "vitest";
import { SUITES, suiteNamed } from "../../../../shared/evaluation/suites/registry.ts";

it("finds suites by their names", () => {
  expect(suiteNamed("nothing")).toBeUndefined();
  for (const suite of SUITES) expect(suiteNamed(suite.name)).toBe(suite);
});
