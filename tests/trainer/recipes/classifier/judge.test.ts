import { expect, it } from "vitest";
import { parseManifest } from "../../../../shared/delta/manifest.ts";
import { SCORER_MODES, type ScorerMode } from "../../../../shared/delta/scorer.ts";
import {
  calibrated,
  classLogits,
  classRowLogits,
  logSoftmax,
  tokenValues,
} from "../../../../shared/delta/scorer-values.ts";
import { decodeCanonical, SERVING_FILE } from "../../../../shared/delta/serving-file.ts";
import { loadModelFolder } from "../../../../shared/model/model-folder.ts";
import { SHARES } from "../../../../trainer/recipes/classifier/judge.ts";
import { scoreRows } from "../../../fixtures/classifiers/score-rows.ts";
import { TINY_FILES } from "../objectives/run-objective.ts";
import { jsonl, runClassifier, tinyTexts } from "./run-classifier.ts";

it("judges as serving will: the published delta on rows by themselves gives the published measurements", async () => {
  const texts = tinyTexts(9, 5);
  const { outcome } = await runClassifier({
    settings: { peft: { type: "lora", r: 4 }, value_rank: 3, hyperparameters: { max_steps: 8 } },
    validation: jsonl(texts),
  });
  const { config, tokenizer } = loadModelFolder(TINY_FILES);
  const { files } = outcome.folder;
  const delta = decodeCanonical(files.get(SERVING_FILE)!, config);
  const scorer = delta.scorer!;
  const { labels, lead, class_rows: own } = scorer.about;
  const ids = texts.map(({ text }) => tokenizer.encode(text));
  const states = await scoreRows(
    delta,
    [
      ...ids.map((each) => [...lead, ...each]),
      ...ids.flatMap((each) => own!.control.map((control) => [...lead, ...control, ...each])),
    ],
    TINY_FILES,
  );
  const { metrics } = parseManifest(files.get("manifest.json")!);
  for (const share of SHARES) {
    const losses: Record<ScorerMode, number[]> = { lookahead: [], class_rows: [], token_values: [] };
    for (const [n, { label }] of texts.entries()) {
      const truth = labels.indexOf(label);
      const read = Math.max(1, Math.round(share * ids[n]!.length));
      const last = lead.length + read - 1;
      const { final } = states[n]!;
      const values = tokenValues(scorer, final[last - 1]!);
      const sums = own!.control.map((control, c) => {
        const start = lead.length + control.length;
        const logs = states[texts.length + n * labels.length + c]!.logProbabilities;
        return logs.subarray(start, start + read).reduce((sum, log) => sum + log, 0);
      });
      const next = ids[n]![read - 1]!;
      const logits: Record<ScorerMode, Float64Array> = {
        lookahead: classLogits(scorer, final[last]!),
        token_values: Float64Array.from(labels, (_, c) => values[c * config.vocabSize + next]!),
        class_rows: classRowLogits(scorer, sums, read),
      };
      for (const mode of SCORER_MODES) losses[mode].push(-logSoftmax(calibrated(scorer, logits[mode], mode))[truth]!);
    }
    for (const mode of SCORER_MODES) {
      const mean = losses[mode].reduce((sum, loss) => sum + loss, 0) / texts.length;
      expect(metrics[`${mode}_nll_${100 * share}`], `${mode} at ${share}`).toBeCloseTo(mean, 4);
      expect(outcome.metrics[`${mode}_nll_${100 * share}`]).toBe(metrics[`${mode}_nll_${100 * share}`]);
    }
  }
});
