import { expect, test } from "vitest";
import { z } from "zod";
import { COMMON_LABELS, labels } from "../../../../shared/data/line-formats/format.ts";

test("labels may be missing, and may be anything but lists and objects", () => {
  const schema = z.strictObject({ ...labels("task"), ...COMMON_LABELS });
  for (const line of [{}, { task: 1, id: "a" }, { source: null, category: true }]) {
    expect(schema.parse(line)).toEqual(line);
  }
  for (const line of [{ task: [] }, { id: {} }, { other: 1 }]) expect(schema.safeParse(line).success).toBe(false);
});
