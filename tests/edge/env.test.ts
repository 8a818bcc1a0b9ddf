import { expect, test } from "vitest";
import { heapLimitBytes } from "../../edge/env.ts";

test.each([
  ["256", 256],
  ["", 96],
  ["much", 96],
  ["-1", 96],
])("ENGINE_HEAP_MB=%s gives %i MiB", (configured, expected) => {
  expect(heapLimitBytes({ ENGINE_HEAP_MB: configured })).toBe(expected * 1024 * 1024);
});

test("unset, the heap leaves room in an isolate", () => {
  expect(heapLimitBytes({})).toBe(96 * 1024 * 1024);
});
