import type { EditSettings } from "../../../shared/api/edit-settings.ts";
import { type EditPlan, editPlan, type PlanFacts } from "../../edits/edit-plan.ts";

/**
 * The plan for facts on layers that are chosen by now. `auto` takes rome only where there is one layer: of two facts, for which the
 * layers were chosen, the model may know one, and a caller may name several.
 */
export function planFacts(
  settings: EditSettings,
  { layers, ...facts }: PlanFacts & { readonly layers: readonly number[] },
): EditPlan {
  const plan = editPlan(settings, facts);
  return plan.method === "rome" && layers.length > 1 ? editPlan({ ...settings, method: "memit" }, facts) : plan;
}
