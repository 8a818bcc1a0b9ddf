import type { TenantContext } from "../context.ts";
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
  context.db.transaction(() => {
    const course = sweepCourse(context.db, sweep)!;
    if (isSweepOver(course)) return;
    if (change === "cancelled") cancelSweep(context, sweep);
    else if (change === "paused" && course.status !== "paused") pauseSweep(context, sweep);
    else if (change === "resumed" && course.status === "paused") resumeSweep(context, sweep);
  });
  await advanceSweep(context, sweep);
}
