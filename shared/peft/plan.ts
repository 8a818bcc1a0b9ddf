/** Properties of a method's plan. */
import { totalElements } from "../tensor.ts";
import type { MethodPlan } from "./method.ts";

/** How many numbers the published files contain. */
export function publishedNumbers({ published, parameters }: Pick<MethodPlan, "published" | "parameters">): number {
  return published ?? totalElements(parameters);
}

/** Whether the result is a complete model, with nothing to serve on top of the base. */
export function isWholeModel({ serving }: Pick<MethodPlan, "serving">): boolean {
  return Object.values(serving).every((part) => part === 0);
}
