import { expect, test } from "vitest";
import { LINE_FORMATS } from "../../../../shared/data/line-formats/registry.ts";
import { readTrainingRecord } from "../../../../shared/data/training-lines.ts";

test("every format refuses columns of a wrong type by name, in plain words", () => {
  for (const { id, name, keys } of LINE_FORMATS) {
    const value = Object.fromEntries(keys.map((key) => [key, 5]));
    // By its name where its columns alone do not show it.
    const read = () => readTrainingRecord(value, { number: 3, unit: "row", file: "d.csv" }, id);
    expect(read, name).toThrow(new RegExp(`^row 3 of d\\.csv: (${keys.join("|")})`));
    expect(read, name).not.toThrow(/Invalid|Unrecognized|expected|received/);
  }
});
