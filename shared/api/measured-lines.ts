import { z } from "zod";

/** The lines that a job measures and calibrates on: not every job that does so has a validation file. */
export const MeasuredLines = z.enum(["validation_file", "held_out", "training_file"]).meta({
  description:
    "The validation file; without one, lines held out of the training file, or, of a file too small for that, the training file itself",
});
export type MeasuredLines = z.infer<typeof MeasuredLines>;

/** What messages and reports call them. */
export const MEASURED_LINES: Readonly<Record<MeasuredLines, string>> = {
  validation_file: "the validation file",
  held_out: "the held-out lines",
  training_file: "the training file",
};
