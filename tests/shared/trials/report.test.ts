import { expect, it } from "vitest";
import { SweepReport } from "../../../shared/api/sweep-report.ts";
import type { ShownTrial } from "../../../shared/api/sweeps.ts";
import { sweepReport, trialsCsv } from "../../../shared/trials/report.ts";

const trial = (of: Partial<ShownTrial> & { trial: number }): ShownTrial => ({
  ...{ settings: {}, status: "succeeded", job: `ftjob-${of.trial}`, steps: 4, value: null, metrics: null },
  ...{ fine_tuned_model: null, reason: null },
  ...of,
});

const trials = [
  trial({ trial: 1, settings: { r: 2, "a.b": 'say "x", y' }, value: 3 }),
  trial({ trial: 2, settings: { r: 4, "a.b": "z" }, value: 2 }),
  trial({ trial: 3, settings: { r: 2, "a.b": "z" }, value: 1 }),
  trial({ trial: 4, settings: { r: 8, "a.b": "z" }, value: 0.5, status: "pruned", reason: "worse" }),
];

it("sums trials that came to an end up by what they set, the best first", () => {
  const report = sweepReport({
    ...{ model: "m", created_at: 1, seed: 2, training_file: "f", validation_file: null, search: "grid" },
    ...{ metric: "valid_loss", goal: "minimize", trials, best: null, paths: ["r"] },
    measured: new Map([[1, [{ step: 2, value: 5 }]]]),
  });
  expect(SweepReport.parse(report)).toEqual(report);
  expect(report.axes).toEqual([
    {
      path: "r",
      groups: [
        { value: 2, trials: 2, best: 1, mean: 2 },
        { value: 4, trials: 1, best: 2, mean: 2 },
      ],
    },
  ]);
  expect(report.curves).toEqual([{ trial: 1, steps: [2], values: [5] }]);
});

it("writes a table that spreadsheets read", () => {
  expect(trialsCsv(trials.slice(0, 1), ["r", "a.b"])).toBe(
    'trial,status,job,r,a.b,steps,value,fine_tuned_model,reason\r\n1,succeeded,ftjob-1,2,"say ""x"", y",4,3,,\r\n',
  );
});
