/** What follows from a method's plan. */
import { totalElements } from "../tensor.ts";
import type { MethodPlan } from "./method.ts";

/** Numbers that the published files hold. */
export function publishedNumbers({ published, parameters }: Pick<MethodPlan, "published" | "parameters">): number {
  return published ?? totalElements(parameters);
}

/** Whether the result is a model of its own, with nothing that is served on top of the base. */
export function isWholeModel({ serving }: Pick<MethodPlan, "serving">): boolean {
  return Object.values(serving).every((part) => part === 0);
}
