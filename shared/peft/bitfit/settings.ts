import { z } from "zod";
import { TargetModules } from "../target-modules.ts";

export const BitfitSettings = z.strictObject({
  type: z.literal("bitfit"),
  target_modules: TargetModules.optional().meta({ description: "Every layer with a bias when left out" }),
  add_biases: z
    .boolean()
    .default(false)
    .meta({ description: "Give layers without a bias one that starts at 0; every layer when none is named" }),
});
export type BitfitSettings = z.infer<typeof BitfitSettings>;
