/** Records of files that are held out of training, such as test sets: of any shape, since only their words are compared. */

import { TrimtabError } from "../../errors.ts";
import { isRecord, type RecordPlace } from "../columns.ts";
import type { ReadRecord } from "../dataset-kinds/kind.ts";
import { DATASET_KIND_NAMES, type DatasetKindName, datasetKind } from "../dataset-kinds/registry.ts";

/** Levels of objects and lists, and characters, that are read of a record of unknown shape. */
const DEEPEST = 8;
const LONGEST = 100_000;

/**
 * A record as one of the kinds that its file is of, or whose columns it has; else all its texts, one after the other. An `item`,
 * as evaluations wrap records, is looked into.
 *
 * @param format the id of the line format that the file was said to have
 */
export function readHeldOut(
  value: unknown,
  place: RecordPlace,
  kinds: readonly DatasetKindName[],
  format?: string,
): ReadRecord {
  const record = isRecord(value) && isRecord(value.item) ? value.item : value;
  const known = isRecord(record) ? DATASET_KIND_NAMES.filter((name) => datasetKind(name).recognises(record)) : [];
  for (const name of kinds.length > 0 ? kinds : known) {
    try {
      return datasetKind(name).read(record, place, format);
    } catch (error) {
      if (!(error instanceof TrimtabError)) throw error;
    }
  }
  const prompt = textsOf(record, 0).join("\n").slice(0, LONGEST);
  const example = { kind: "completion", prompt, completion: "" } as const;
  return { examples: [example], layout: "texts", ignored: [], trainable: false };
}

function textsOf(value: unknown, depth: number): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null || depth === DEEPEST) return [];
  return Object.values(value).flatMap((part) => textsOf(part, depth + 1));
}
