import { mayHoldPrompts } from "../prompt-line.ts";
import { conditionPrompts } from "./condition-prompts.ts";
import { contrastPairs } from "./contrast-pairs.ts";
import { examples } from "./examples.ts";
import { facts } from "./facts.ts";
import type { DatasetKind } from "./kind.ts";
import { labelledTexts } from "./labelled-texts.ts";
import { preferencePairs } from "./preference-pairs.ts";
import { prompts } from "./prompts.ts";
import { rankings } from "./rankings.ts";
import { ratings } from "./ratings.ts";
import { unpairedPreferences } from "./unpaired-preferences.ts";

/** A file may be of several kinds at once: labelled texts are also texts to imitate. */
export const DATASET_KINDS = {
  examples,
  labelled_texts: labelledTexts,
  contrast_pairs: contrastPairs,
  condition_prompts: conditionPrompts,
  preference_pairs: preferencePairs,
  unpaired_preferences: unpairedPreferences,
  prompts,
  rankings,
  ratings,
  facts,
} as const satisfies Readonly<Record<string, DatasetKind>>;

export type DatasetKindName = keyof typeof DATASET_KINDS;
export const DATASET_KIND_NAMES = Object.keys(DATASET_KINDS) as DatasetKindName[];

/** The kind by that name, as the interface that all share. */
export const datasetKind = (name: DatasetKindName): DatasetKind => DATASET_KINDS[name];

/** Every column that a kind reads. */
export const DATASET_COLUMNS: ReadonlySet<string> = new Set(
  Object.values(DATASET_KINDS).flatMap(({ columns }) => columns),
);

/**
 * The columns of a table that are worth decoding: those that a kind reads, and all where its rows may be prompts, whose graders read
 * whatever they name.
 */
export function columnsToRead(columns: readonly string[]): (column: string) => boolean {
  if (mayHoldPrompts(columns)) return () => true;
  return (column) => DATASET_COLUMNS.has(column);
}
