import { expect, it } from "vitest";
import { isHeldOut } from "../../../../infra/base/corpus/hold-out.ts";

it("holds out about one key in eight", () => {
  const held = Array.from({ length: 8000 }, (_, i) => isHeldOut(`key ${i}`)).filter(Boolean).length;
  expect(Math.abs(held - 1000)).toBeLessThan(120);
});
