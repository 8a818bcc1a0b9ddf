import { Columns, isRecord, recordError } from "../columns.ts";
import type { DatasetKind } from "./kind.ts";

/** Pairs of texts that differ in one respect. */
export const contrastPairs: DatasetKind = {
  holds: 'pairs of texts, {"positive", "negative"}',
  columns: ["positive", "negative"],
  recognises: (record) => record.positive != null && record.negative != null,
  read(value, place) {
    if (!isRecord(value)) throw recordError(place, " is not a JSON object");
    const columns = new Columns(value, place);
    const examples = ["positive", "negative"].map((side) => {
      const completion = columns.text(side);
      if (completion.trim() === "") throw columns.error(side, "must not be empty; remove the line or give it a text");
      return { kind: "completion", prompt: "", completion } as const;
    });
    return { examples, layout: "contrast pair", ignored: columns.ignored(), trainable: true };
  },
};
