import { z } from "zod";
import { COMMON_LABELS, type LineFormat } from "./format.ts";

/** A text and its continuation: `{"prompt", "completion"}`. */
export const promptCompletion: LineFormat = {
  name: "prompt and completion",
  keys: ["prompt", "completion"],
  schema: z
    .strictObject({ prompt: z.string(), completion: z.string().min(1, "must not be empty"), ...COMMON_LABELS })
    .transform(({ prompt, completion }) => ({ kind: "completion" as const, prompt, completion })),
};
