import { expect, it } from "vitest";
import { DATASET_COLUMNS, DATASET_KIND_NAMES, datasetKind } from "../../../../shared/data/dataset-kinds/registry.ts";

it("reads every column that a kind asks for", () => {
  expect(DATASET_KIND_NAMES).toEqual([
    "examples",
    "labelled_texts",
    "contrast_pairs",
    "condition_prompts",
    "preference_pairs",
    "unpaired_preferences",
  ]);
  for (const name of DATASET_KIND_NAMES) {
    for (const column of datasetKind(name).columns)
      expect(DATASET_COLUMNS.has(column), `${name}: ${column}`).toBe(true);
  }
});
