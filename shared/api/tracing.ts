import { z } from "zod";
import { EditFact } from "../edits/fact.ts";
import { Tracing } from "../edits/tracing.ts";
import { LIMITS } from "../limits.ts";
import { Wait, WaitQuery } from "./wait.ts";

export const TracingQuery = WaitQuery.extend({
  format: z.enum(["json", "svg"]).optional().meta({ description: "json by default; svg with `accept: image/svg+xml`" }),
});

const { prompt, subject } = EditFact.shape;

export const TraceFacts = z
  .strictObject({
    facts: z
      .array(
        z.strictObject({
          prompt,
          subject,
          answer: prompt.meta({ description: "What follows, as the model knows it" }),
        }),
      )
      .min(1)
      .max(LIMITS.tracedFacts),
    wait: Wait.default(true),
  })
  .meta({ id: "TraceFacts" });
export type TraceFacts = z.output<typeof TraceFacts>;

export const ModelTracing = z
  .strictObject({
    object: z.literal("tracing"),
    model: z.string(),
    base: z.string().meta({ description: "The model that was traced: tuned models are shown their base's" }),
    note: z.string().nullable(),
    status: z.enum(["running", "succeeded"]),
    job: z.string().nullable().meta({ description: "The job that traces; null where the tracing was kept" }),
    tracing: Tracing.nullable().meta({ description: "null while it runs" }),
  })
  .meta({ id: "ModelTracing" });
export type ModelTracing = z.infer<typeof ModelTracing>;
