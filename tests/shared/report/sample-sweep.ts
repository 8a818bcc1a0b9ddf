/** Reports of small sweeps. */
import type { SweepReport } from "../../../shared/api/sweep-report.ts";
import type { ShownTrial } from "../../../shared/api/sweeps.ts";
import { sweepReport } from "../../../shared/trials/report.ts";

export const RATE = "hyperparameters.learning_rate";
export const trial = (
  n: number,
  rate: number,
  value: number | null,
  status: ShownTrial["status"] = "succeeded",
): ShownTrial => ({
  ...{ trial: n, settings: { [RATE]: rate, training_file: "<b>" }, status, job: `ftjob-${n}`, steps: 20, value },
  ...{ metrics: { tuned_loss: value ?? 0, train_loss: 9 }, fine_tuned_model: null, reason: null },
});

export function sampleSweep(trials: ShownTrial[]): SweepReport {
  return sweepReport({
    ...{ model: "m", created_at: 1, seed: 2, training_file: "f", validation_file: "v", search: "grid" },
    ...{ metric: "valid_loss", goal: "minimize", trials, paths: [RATE, "training_file"] },
    best: trials.length === 0 ? null : { trial: 2, job: "ftjob-2", model: "ft:best", value: 1 },
    measured: new Map(trials.map(({ trial: n }) => [n, [1, 2].map((step) => ({ step, value: n / step }))])),
  });
}
