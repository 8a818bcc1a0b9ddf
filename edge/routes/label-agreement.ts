/** How far the raters of a project agree, computed outside the tenant's object, which answers other requests meanwhile. */
import type { LabelAgreement } from "../../shared/api/label-work.ts";
import { type SummedLabel, summarise, unitCount } from "../../shared/labeling/summary.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";

/**
 * Of the newest labels, of as many units as `LIMITS.summedUnits`; the answer says how many older ones are left out.
 *
 * @throws TrimtabError not_found
 */
export async function projectAgreement({ labeling }: Remote<Tenant>, project: string): Promise<LabelAgreement> {
  const { task } = await labeling.get(project);
  const newest: SummedLabel[] = [];
  let [units, total] = [0, 0];
  let isFull = false;
  for (let before: number | null = null; !isFull; ) {
    const stretch: Awaited<ReturnType<typeof labeling.summed>> = await labeling.summed(project, before);
    if (before === null) total = stretch.total;
    for (const label of stretch.labels) {
      units += unitCount(label.shown.length);
      isFull = units > LIMITS.summedUnits;
      if (isFull) break;
      newest.push(label);
    }
    if (stretch.next === null) break;
    before = stretch.next;
  }
  return summarise(task, newest.reverse(), total - newest.length);
}
