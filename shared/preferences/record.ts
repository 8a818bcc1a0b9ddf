/** One line of preference data as its inspection sees it, whatever its form. */
import type { RecordPlace } from "../data/columns.ts";
import { isRecord } from "../data/columns.ts";
import { textOf } from "../data/completion.ts";
import { readPreferenceRecord } from "../data/preference-pair.ts";
import { readRankingRecord } from "../data/ranking.ts";
import { readRatingRecord } from "../data/rating.ts";
import { readUnpairedRecord } from "../data/unpaired-preference.ts";

export const PREFERENCE_KINDS = ["preference_pairs", "unpaired_preferences", "rankings", "ratings"] as const;
export type PreferenceKind = (typeof PREFERENCE_KINDS)[number];

/** What a line says. Texts are compared in an order, or one of them has a label or a rating. */
export type InspectedRecord = { readonly prompt: string; readonly rater: string | null } & (
  | { readonly kind: "order" /** The best first. */; readonly texts: readonly string[]; readonly isTie: boolean }
  | { readonly kind: "label"; readonly text: string; readonly label: boolean }
  | {
      readonly kind: "rating";
      readonly text: string;
      readonly rating: number;
      /** What each named rater said; empty where none is. */
      readonly raters: Readonly<Record<string, number>>;
    }
);

/** Columns that name who judged, where a file has one of them. */
export const RATER_COLUMNS = ["rater", "annotator", "annotator_id", "provenance"] as const;

/** Reads a line as the jobs that train on it do. Throws `invalid_file` with its place. */
export function readRecord(kind: PreferenceKind, value: unknown, place: RecordPlace): InspectedRecord {
  const rater = raterOf(value);
  if (kind === "preference_pairs") {
    const { pair } = readPreferenceRecord(value, place);
    const { prompt, chosen, rejected, margin, ratings } = pair;
    const isTie = margin === 0 || (ratings !== undefined && ratings.chosen === ratings.rejected);
    return { prompt: textOf(prompt), rater, kind: "order", texts: [textOf(chosen), textOf(rejected)], isTie };
  }
  if (kind === "rankings") {
    const { prompt, completions } = readRankingRecord(value, place).ranking;
    return { prompt: textOf(prompt), rater, kind: "order", texts: completions.map(textOf), isTie: false };
  }
  if (kind === "unpaired_preferences") {
    const { prompt, completion, label } = readUnpairedRecord(value, place).unpaired;
    return { prompt: textOf(prompt), rater, kind: "label", text: textOf(completion), label };
  }
  const { prompt, completion, rating, raters } = readRatingRecord(value, place).rating;
  return { prompt: textOf(prompt), rater, kind: "rating", text: textOf(completion), rating, raters };
}

/** Who judged, by a column of the line or by the provenance that exports write; null if nobody is named. */
function raterOf(value: unknown): string | null {
  if (!isRecord(value)) return null;
  for (const name of RATER_COLUMNS) {
    const given = value[name];
    const named = isRecord(given) ? given.rater : given;
    if ((typeof named === "string" && named !== "") || typeof named === "number") return String(named);
  }
  return null;
}
