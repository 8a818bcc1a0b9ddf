import { z } from "zod";

export const FullSettings = z.strictObject({ type: z.literal("full") });
export type FullSettings = z.infer<typeof FullSettings>;
