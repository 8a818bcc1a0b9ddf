/** What finds one candidate better than another. */
import { z } from "zod";
import type { Reference } from "../decode/steering/part.ts";
import { modelId } from "../decode/steering/side.ts";
import { Label } from "../delta/scorer.ts";

export const SearchBy = z
  .union([
    z.literal("likelihood").meta({ description: "The mean log-probability of its tokens under the model itself" }),
    z.strictObject({ reward: modelId.meta({ description: "A reward model" }) }),
    z.strictObject({
      classifier: modelId.meta({ description: "A classifier" }),
      label: Label.meta({ description: "The class whose probability counts" }),
    }),
    z.strictObject({
      scorer: z.string().min(1).max(64).meta({ description: "A registered scorer" }),
      deadline_ms: z
        .int()
        .min(100)
        .max(30_000)
        .default(5000)
        .meta({ description: "Milliseconds that one of its answers may take" }),
      on_failure: z
        .enum(["end", "likelihood"])
        .default("end")
        .meta({ description: "Where the scorer fails: end the request with its error, or judge by likelihood" }),
    }),
  ])
  .meta({ id: "SearchBy" });
export type SearchBy = z.infer<typeof SearchBy>;

/** The name of the registered scorer that judges, if one does. */
export function scorerNamed(by: SearchBy): string | undefined {
  return typeof by === "object" && "scorer" in by ? by.scorer : undefined;
}

/** The model that judges, if one does. */
export function judgeReference(by: SearchBy): Reference | undefined {
  if (by === "likelihood" || "scorer" in by) return undefined;
  const [at, id] = "reward" in by ? ["search.by.reward", by.reward] : ["search.by.classifier", by.classifier];
  return { at, id, weight: 1, kind: "classifier" };
}
