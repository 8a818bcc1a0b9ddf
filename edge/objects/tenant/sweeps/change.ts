import type { TenantContext } from "../context.ts";
import { queue, settled } from "../job-course.ts";
import { advanceSweep } from "./advance.ts";
import { cancelSweep, pauseSweep, resumeSweep } from "./apply.ts";
import { isSweepOver } from "./course.ts";
import { sweepCourse } from "./sweep-rows.ts";

/** Pauses, resumes or cancels a sweep together with its trials. What it is already changes nothing. */
export async function changeSweep(
  context: TenantContext,
  sweep: string,
  change: "paused" | "resumed" | "cancelled",
): Promise<void> {
  const paused = context.db.transaction((): readonly string[] => {
    const course = sweepCourse(context.db, sweep)!;
    if (isSweepOver(course)) return [];
    if (change === "cancelled") cancelSweep(context, sweep);
    else if (change === "paused" && course.status !== "paused") return pauseSweep(context, sweep);
    else if (change === "resumed" && course.status === "paused") resumeSweep(context, sweep);
    return [];
  });
  await context.rearm();
  for (const job of paused) await settled(context, job, null);
  if (change === "resumed") await queue(context);
  await advanceSweep(context, sweep);
}
