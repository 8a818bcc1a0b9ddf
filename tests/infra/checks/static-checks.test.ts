import { expect, test } from "vitest";
import { STATIC_CHECKS } from "../../../infra/checks/static-checks.ts";

test.each(["format", "lint"])("%s passes over files that biome does not look at", async (name) => {
  expect(await STATIC_CHECKS[name]!(["README.md", "wrangler.toml"])).toEqual({ passed: 1, failed: 0, output: "" });
});

test("README.md and CONTRIBUTING.md name only paths that exist", async () => {
  expect(await STATIC_CHECKS.paths!([])).toEqual({ passed: 1, failed: 0, output: "" });
});

test("a check is one verdict", async () => {
  const { passed, failed } = await STATIC_CHECKS.boundaries!([]);
  expect(passed + failed).toBe(1);
});
