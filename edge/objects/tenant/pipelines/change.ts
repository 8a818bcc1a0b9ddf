import type { TenantContext } from "../context.ts";
import { queue, settled } from "../job-course.ts";
import { advance } from "./advance.ts";
import { happen } from "./apply.ts";

/** Pauses, resumes or cancels a pipeline together with the job of its current stage. */
export async function changePipeline(
  context: TenantContext,
  pipeline: string,
  change: "paused" | "resumed" | "cancelled",
): Promise<void> {
  const effects = context.db.transaction(() => happen(context, pipeline, { type: change }));
  await context.rearm();
  for (const effect of effects) {
    if (effect.do === "pause") await settled(context, effect.job, null);
    else if (effect.do === "cancel") await settled(context, effect.job, "cancelled");
    else if (effect.do === "resume") await queue(context);
  }
  await advance(context, pipeline);
}
