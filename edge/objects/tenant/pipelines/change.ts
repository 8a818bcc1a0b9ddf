import type { TenantContext } from "../context.ts";
import { advance } from "./advance.ts";
import { happen } from "./apply.ts";

/** Pauses, resumes or cancels a pipeline together with the job of its current stage. */
export async function changePipeline(
  context: TenantContext,
  pipeline: string,
  change: "paused" | "resumed" | "cancelled",
): Promise<void> {
  context.db.transaction(() => happen(context, pipeline, { type: change }));
  await advance(context, pipeline);
}
