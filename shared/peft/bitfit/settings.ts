import { z } from "zod";
import { TargetModules } from "../target-modules.ts";

export const BitfitSettings = z.strictObject({
  type: z.literal("bitfit"),
  target_modules: TargetModules.optional().meta({ description: "Defaults to every layer with a bias" }),
  add_biases: z.boolean().default(false).meta({
    description:
      "Add biases, starting at 0, to targeted layers without one; `target_modules` then defaults to every layer",
  }),
});
export type BitfitSettings = z.infer<typeof BitfitSettings>;
