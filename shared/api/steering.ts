import { z } from "zod";

const name = z.string().min(1).max(300);
const party = z.union([name, z.strictObject({ id: name, weight: z.number().optional() })]);

/** What steers a generation: the parts, each of which may be left out. */
export const SteeringObject = z
  .strictObject({
    contrastive: z
      .strictObject({ expert: party.optional(), amateur: party, alpha: z.number().min(0).max(1).optional() })
      .optional(),
    experts: z
      .array(z.strictObject({ id: name, weight: z.number().min(-8).max(8) }))
      .max(8)
      .optional(),
    classifier: z
      .array(z.strictObject({ id: name, label: z.string(), strength: z.number().min(-100).max(100) }))
      .max(8)
      .optional(),
    guidance: z.strictObject({ negative_prompt: z.string(), scale: z.number().min(0).max(100) }).optional(),
    vectors: z
      .array(z.strictObject({ id: name, strength: z.number().min(-100).max(100) }))
      .max(8)
      .optional(),
    rules: z.strictObject({ banned: z.array(z.string()).optional(), scorer: z.string().optional() }).optional(),
  })
  .meta({ id: "Steering" });
export type SteeringObject = z.infer<typeof SteeringObject>;
