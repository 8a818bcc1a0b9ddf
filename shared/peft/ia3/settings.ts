import { z } from "zod";
import { TargetModules } from "../target-modules.ts";

export const Ia3Settings = z.strictObject({
  type: z.literal("ia3"),
  target_modules: TargetModules.default(["k_proj", "v_proj", "down_proj"]),
  feedforward_modules: z
    .union([TargetModules, z.array(z.string()).length(0)])
    .optional()
    .meta({ description: "Which of them are scaled at their input; `down_proj` when left out" }),
});
export type Ia3Settings = z.infer<typeof Ia3Settings>;
