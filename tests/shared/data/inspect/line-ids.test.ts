import { expect, test } from "vitest";
import { lineId, placeOf } from "../../../../shared/data/inspect/line-ids.ts";

test("a line's number says its file, and is the line's own in the first", () => {
  expect(lineId(0, 17)).toBe(17);
  for (const place of [
    { file: 0, line: 1 },
    { file: 7, line: 2 ** 31 },
  ]) {
    expect(placeOf(lineId(place.file, place.line))).toEqual(place);
  }
});
