/** What a file of preferences looks like. */
import { z } from "zod";
import { PREFERENCE_KINDS } from "../preferences/record.ts";
import { AgreementSummary, Proportion } from "./agreement.ts";

const fileId = z.string().min(1).max(64);

export const InspectPreferences = z
  .strictObject({
    file_id: fileId.optional(),
    training_file: fileId.optional().meta({ description: "The same, under the name that jobs give it" }),
    kind: z.enum(PREFERENCE_KINDS).optional().meta({ description: "How to read a file that is of several kinds" }),
  })
  .refine(({ file_id: file, training_file: same }) => (file === undefined) !== (same === undefined), {
    path: ["file_id"],
    message: "is required, or `training_file`, and not both",
  })
  .meta({ id: "InspectPreferences" });
export type InspectPreferences = z.infer<typeof InspectPreferences>;

export const PreferenceFigures = {
  kind: z.enum(PREFERENCE_KINDS),
  lines: z.int(),
  compared: z.int().meta({ description: "How many lines, from the first, were compared with each other" }),
  duplicates: z.int().meta({ description: "Lines that an earlier one of the same rater, or of nobody, already says" }),
  contradictions: z.int().meta({ description: "Lines that say the opposite of an earlier one, whoever said it" }),
  ties: z.int().meta({ description: "Lines of texts that are equally good; of ratings, like another of their prompt" }),
  longer_is_better: z
    .strictObject({ characters: Proportion, words: Proportion })
    .meta({ description: "How often the longer of two texts is the better one: ½ where length says nothing" }),
};

export const PreferenceInspectionReport = z
  .strictObject({
    object: z.literal("preferences.inspection"),
    file_id: z.string(),
    ...PreferenceFigures,
    labels: z.strictObject({ desirable: z.int(), undesirable: z.int() }).nullable(),
    ratings: z.strictObject({ min: z.number(), max: z.number(), mean: z.number() }).nullable(),
    agreement: AgreementSummary.nullable().meta({
      description: "Of the raters that lines name; null if they name none",
    }),
    examples: z.array(
      z.strictObject({
        line: z.int(),
        problem: z.enum(["duplicate", "contradiction"]),
        earlier_line: z.int(),
      }),
    ),
  })
  .meta({ id: "PreferenceInspection" });
export type PreferenceInspectionReport = z.infer<typeof PreferenceInspectionReport>;
