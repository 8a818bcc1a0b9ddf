import { z } from "zod";
import { TargetModules } from "../target-modules.ts";

export const Ia3Settings = z.strictObject({
  type: z.literal("ia3"),
  target_modules: TargetModules.default(["k_proj", "v_proj", "down_proj"]),
  feedforward_modules: z
    .union([TargetModules, z.array(z.string()).length(0)])
    .optional()
    .meta({
      description: "The target modules that are scaled at their input instead of their output; defaults to `down_proj`",
    }),
});
export type Ia3Settings = z.infer<typeof Ia3Settings>;
