import { expect, it } from "vitest";
import { renderSweep } from "../../../shared/report/sweep.ts";
import { RATE, sampleSweep, trial } from "./sample-sweep.ts";

it("shows the trials, what each setting does, all at once and the best ones' curves, without scripts", () => {
  const html = renderSweep(sampleSweep([trial(1, 0.001, 2), trial(2, 0.1, 1), trial(3, 0.01, null, "failed")]));
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
  const html = renderSweep(sampleSweep([]));
  expect(html).toContain("none");
  expect(html).not.toContain("<svg");
});

it("names the files of lists, and leaves those that an axis sets to the trials", () => {
  const one = sampleSweep([trial(1, 0.001, 2)]);
  const lists = { training_files: [{ id: "file-a", weight: 2 }], validation_files: ["file-v", "file-w"] };
  const onAxis = renderSweep({ ...one, ...lists });
  expect(onAxis).toContain('<th scope="row">Training file</th><td>of each trial</td>');
  expect(onAxis).toContain('<th scope="row">Validation file</th><td>file-v + file-w</td>');
  const alike = renderSweep({ ...one, ...lists, axes: one.axes.slice(0, 1) });
  expect(alike).toContain('<th scope="row">Training file</th><td>2 × file-a</td>');
});
