import { expect, test } from "vitest";
import { BYTE_OF } from "../../../shared/model/byte-level.ts";

test("256 characters represent the 256 bytes, and printable ones represent themselves", () => {
  expect(new Set(BYTE_OF.values()).size).toBe(256);
  expect(BYTE_OF.size).toBe(256);
  expect(["A", "~", "é", "Ġ", "Ċ", "Ń"].map((character) => BYTE_OF.get(character))).toEqual([
    65, 126, 233, 32, 10, 173,
  ]);
});
