import { expect, it } from "vitest";
import type { SweepReport } from "../../../shared/api/sweep-report.ts";
import type { ShownTrial } from "../../../shared/api/sweeps.ts";
import { renderSweep } from "../../../shared/report/sweep.ts";
import { sweepReport } from "../../../shared/trials/report.ts";

const RATE = "hyperparameters.learning_rate";
const trial = (
  n: number,
  rate: number,
  value: number | null,
  status: ShownTrial["status"] = "succeeded",
): ShownTrial => ({
  ...{ trial: n, settings: { [RATE]: rate, training_file: "<b>" }, status, job: `ftjob-${n}`, steps: 20, value },
  ...{ metrics: { tuned_loss: value ?? 0, train_loss: 9 }, fine_tuned_model: null, reason: null },
});

function report(trials: ShownTrial[]): SweepReport {
  return sweepReport({
    ...{ model: "m", created_at: 1, seed: 2, training_file: "f", validation_file: "v", search: "grid" },
    ...{ metric: "valid_loss", goal: "minimize", trials, paths: [RATE, "training_file"] },
    best: trials.length === 0 ? null : { trial: 2, job: "ftjob-2", model: "ft:best", value: 1 },
    measured: new Map(trials.map(({ trial: n }) => [n, [1, 2].map((step) => ({ step, value: n / step }))])),
  });
}

it("shows the trials, what each setting does, all at once and the best ones' curves, without scripts", () => {
  const html = renderSweep(report([trial(1, 0.001, 2), trial(2, 0.1, 1), trial(3, 0.01, null, "failed")]));
  for (const id of ["trials", "settings", "overview", "curves"]) expect(html).toContain(`id="${id}"`);
  expect(html.match(/<svg /g)).toHaveLength(4);
  expect(html).toContain("trial 2, 1.000: ft:best");
  expect(html).toContain(`${RATE}, logarithmic`);
  expect(html).toContain("&lt;b&gt;");
  expect(html).not.toContain("<b>");
  expect(html).not.toContain("<script");
  expect(html).not.toContain("train_loss");
  expect(html).toContain('<th scope="col">tuned_loss</th>');
});

it("shows a sweep of which nothing succeeded", () => {
  const html = renderSweep(report([]));
  expect(html).toContain("none");
  expect(html).not.toContain("<svg");
});

it("names the files of lists, and leaves those that an axis sets to the trials", () => {
  const one = report([trial(1, 0.001, 2)]);
  const lists = { training_files: [{ id: "file-a", weight: 2 }], validation_files: ["file-v", "file-w"] };
  const onAxis = renderSweep({ ...one, ...lists });
  expect(onAxis).toContain('<th scope="row">Training file</th><td>of each trial</td>');
  expect(onAxis).toContain('<th scope="row">Validation file</th><td>file-v + file-w</td>');
  const alike = renderSweep({ ...one, ...lists, axes: one.axes.slice(0, 1) });
  expect(alike).toContain('<th scope="row">Training file</th><td>2 × file-a</td>');
});
