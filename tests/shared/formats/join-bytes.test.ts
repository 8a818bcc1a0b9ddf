import { expect, it } from "vitest";
import { joinBytes } from "../../../shared/formats/join-bytes.ts";

it("lays chunks end to end", () => {
  const chunks = [Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)];
  expect(joinBytes(chunks)).toEqual(Uint8Array.of(1, 2, 3));
  expect(joinBytes([])).toEqual(new Uint8Array());
});
