import { expect, it } from "vitest";
import {
  columnsToRead,
  DATASET_COLUMNS,
  DATASET_KIND_NAMES,
  datasetKind,
} from "../../../../shared/data/dataset-kinds/registry.ts";

it("reads every column that a kind asks for", () => {
  expect(DATASET_KIND_NAMES[0]).toBe("examples");
  for (const name of DATASET_KIND_NAMES) {
    for (const column of datasetKind(name).columns)
      expect(DATASET_COLUMNS.has(column), `${name}: ${column}`).toBe(true);
  }
});

it("reads all columns of a table of prompts, whose graders may name any", () => {
  expect(["prompt", "solution"].filter(columnsToRead(["prompt", "solution"]))).toEqual(["prompt", "solution"]);
  expect(["messages", "id"].filter(columnsToRead(["messages", "id"]))).toEqual(["messages", "id"]);
  for (const answered of ["completion", "chosen"]) {
    expect(["prompt", answered, "id"].filter(columnsToRead(["prompt", answered, "id"]))).toEqual(["prompt", answered]);
  }
});
