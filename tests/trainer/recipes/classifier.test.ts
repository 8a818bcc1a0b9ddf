import { describe, expect, it, vi } from "vitest";
import { folderDigest } from "../../../shared/api/artefacts.ts";
import { parseManifest } from "../../../shared/delta/manifest.ts";
import { decodeScorer } from "../../../shared/delta/scorer-file.ts";
import { decodeCanonical, SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { classifierObjective } from "../../../trainer/recipes/classifier.ts";
import { supervised } from "../../../trainer/recipes/supervised.ts";
import { settingsOf } from "../../support/peft.ts";
import {
  type ClassifierRun,
  classifierSettings,
  jsonl,
  runClassifier,
  tinyTexts,
} from "./classifier/run-classifier.ts";
import { runObjective, TINY_FILES } from "./objectives/run-objective.ts";

vi.setConfig({ testTimeout: 120_000 });

const { config, tokenizer } = loadModelFolder(TINY_FILES);
const validation = jsonl(tinyTexts(20, 41));
const small = { peft: { type: "lora", r: 2, target_modules: ["q_proj", "v_proj"] }, value_rank: 2 };

describe("a classifier job", () => {
  const whole = runClassifier({ settings: { ...small, hyperparameters: { max_steps: 40 } }, validation });

  it("learns to judge texts that it did not see, in every way", async () => {
    const { steps, outcome } = await whole;
    // ln 2 for the head and for the values, and the language model's loss.
    expect(steps[0]!.head_loss).toBeCloseTo(Math.LN2, 4);
    expect(steps[0]!.value_loss).toBeCloseTo(Math.LN2, 4);
    expect(steps.at(-1)!.head_loss).toBeLessThan(0.3);
    expect(steps.at(-1)!.lm_loss).toBeLessThan(steps[0]!.lm_loss!);
    expect(steps.at(-1)!.loss).toBeCloseTo(
      steps.at(-1)!.head_loss! +
        steps.at(-1)!.value_loss! +
        0.6 * steps.at(-1)!.lm_loss! +
        0.4 * steps.at(-1)!.row_loss!,
      4,
    );
    for (const mode of ["lookahead", "class_rows", "token_values"]) {
      expect(outcome.metrics[`${mode}_accuracy_100`], mode).toBeGreaterThanOrEqual(0.9);
    }
  });

  it("publishes one delta: an adapter as other tools read it, the scorer, and what it measured", async () => {
    const { outcome, published, events } = await whole;
    const { kind, files } = outcome.folder;
    expect(kind).toBe("delta");
    expect([...files.keys()].sort()).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
      "manifest.json",
      "scorer.safetensors",
      "serving.safetensors",
    ]);
    const manifest = parseManifest(files.get("manifest.json")!);
    expect(manifest).toMatchObject({
      methods: ["lora", "scorer"],
      scorer: { labels: ["cold", "warm"], modes: ["lookahead", "class_rows", "token_values"] },
    });
    expect(manifest.metrics.lookahead_accuracy_50).toBe(outcome.metrics.lookahead_accuracy_50);
    expect(published.length).toBeGreaterThan(0);
    const scorer = decodeScorer(files.get("scorer.safetensors")!, config);
    expect(decodeCanonical(files.get(SERVING_FILE)!, config).scorer).toEqual(scorer);
    expect(scorer.about).toMatchObject({ labels: ["cold", "warm"], prior: [0.5, 0.5] });
    expect(scorer.about.class_rows!.control.map((ids) => tokenizer.decode(ids))).toEqual(["cold:\n", "warm:\n"]);
    const calibration = events.filter(({ message }) => message.startsWith("Calibrated on the validation file"));
    expect(calibration.at(-1)!.message).toMatch(
      /lookahead: accuracy .* at a quarter, half.*calibration error .* before/,
    );
  });

  it("ends with the same bytes when it was killed after any step and resumed, on texts held out too", async () => {
    const options: ClassifierRun = { settings: { ...small, hyperparameters: { max_steps: 4 } } };
    const undisturbed = await runClassifier(options);
    expect(undisturbed.events.map(({ message }) => message)).toContain("4 more texts are held out for the calibration");
    const told = undisturbed.events.map(({ message }) => message);
    expect(told.some((message) => message.startsWith("Calibrated on the held-out lines"))).toBe(true);
    expect(told.filter((message) => message.includes("validation file"))).toEqual([]);
    for (const after of [1, 3]) {
      let checkpoint: Uint8Array | undefined;
      const dying = runClassifier({
        ...options,
        afterStep: ({ step, state }) => {
          if (step !== after) return;
          checkpoint = state();
          throw new Error("killed");
        },
      });
      await expect(dying).rejects.toThrow("killed");
      const resumed = await runClassifier({ ...options, checkpoint: checkpoint! });
      expect(resumed.digests).toEqual(undisturbed.digests);
      expect(resumed.outcome.metrics.lookahead_nll_100).toBe(undisturbed.outcome.metrics.lookahead_nll_100);
    }
    const other = await runClassifier({ ...options, seed: 4 });
    expect(other.digests).not.toEqual(undisturbed.digests);
  });

  it("trains a head alone, which leaves the base's own text as it is", async () => {
    const { outcome, steps } = await runClassifier({ settings: { peft: [], hyperparameters: { max_steps: 30 } } });
    const { files } = outcome.folder;
    expect([...files.keys()].sort()).toEqual(["manifest.json", "scorer.safetensors", "serving.safetensors"]);
    expect(parseManifest(files.get("manifest.json")!)).toMatchObject({
      methods: ["scorer"],
      scorer: { modes: ["lookahead", "token_values"] },
    });
    const delta = decodeCanonical(files.get(SERVING_FILE)!, config);
    expect([delta.linears.size, delta.bottlenecks.size]).toEqual([0, 0]);
    expect(steps.at(-1)!.head_loss).toBeLessThan(steps[0]!.head_loss! - 0.05);
    expect(steps[0]).not.toHaveProperty("lm_loss");
  });

  it("trains only the ways that are asked for, and with positions before the text", async () => {
    const peft = [settingsOf({ type: "prompt", num_virtual_tokens: 3 }), { type: "prefix", num_virtual_tokens: 2 }];
    const { outcome } = await runClassifier({
      settings: { peft, modes: ["lookahead"], hyperparameters: { max_steps: 2 } },
    });
    const { scorer } = decodeCanonical(outcome.folder.files.get(SERVING_FILE)!, config);
    expect(Object.keys(scorer!.about.temperatures)).toEqual(["lookahead"]);
    expect([scorer!.tokens, scorer!.about.class_rows]).toEqual([undefined, undefined]);
  });

  it("continues from a delta: the result is both, with a scorer that judges both", async () => {
    const lines = jsonl([{ prompt: "a", completion: " b" }]);
    const peft = settingsOf({ type: "lora", r: 2, target_modules: ["o_proj"] });
    const hyperparameters = { n_epochs: 1, batch_size: 1, learning_rate_multiplier: "auto" } as const;
    const parent = (await runObjective(supervised, { settings: { hyperparameters, peft }, training: lines })).outcome
      .folder;
    const digest = await folderDigest([]);
    const { outcome } = await runClassifier({
      settings: { ...small, hyperparameters: { max_steps: 3 } },
      job: { parent: { kind: "delta", digest, files: parent.files } },
    });
    const both = decodeCanonical(outcome.folder.files.get(SERVING_FILE)!, config);
    const below = decodeCanonical(parent.files.get(SERVING_FILE)!, config);
    expect([...both.linears.keys()]).toEqual(expect.arrayContaining([...below.linears.keys()]));
    expect(both.scorer!.about.labels).toEqual(["cold", "warm"]);
    expect(parseManifest(outcome.folder.files.get("manifest.json")!)).toMatchObject({
      methods: ["lora", "scorer"],
      parents: [digest],
    });
    const next = runClassifier({
      settings: small,
      job: { parent: { kind: "delta", digest, files: outcome.folder.files } },
    });
    await expect(next).rejects.toMatchObject({ code: "invalid_request", param: "model" });
  });
});

describe("what a classifier job says of its data", () => {
  const quick = { ...small, hyperparameters: { max_steps: 1 } };

  it("warns of small classes, of contradictions, and of too few texts to hold out", async () => {
    const rare = Array.from({ length: 3 }, (_, n) => ({ text: `odd ${n}`, label: "odd" }));
    const lines = [...tinyTexts(60), ...rare, { text: tinyTexts(1)[0]!.text, label: "cold" }];
    const { events } = await runClassifier({ settings: quick, training: jsonl(lines) });
    const warnings = events.filter(({ level }) => level === "warn").map(({ message }) => message);
    expect(warnings).toEqual([
      "train.jsonl: few texts have the label odd; the classifier will seldom choose it",
      expect.stringMatching(/^train\.jsonl: \d+ texts occur with more than one label$/),
      expect.stringContaining("train.jsonl has too few texts to hold any out"),
    ]);
    expect(events.find(({ message }) => message.includes("3 classes: cold "))).toBeDefined();
  });

  it.each<[string, ClassifierRun, object]>([
    [
      "one label",
      { training: jsonl([{ text: "a", label: "x" }]) },
      { code: "invalid_dataset", param: "training_file", message: expect.stringContaining('one class alone, "x"') },
    ],
    [
      "a model with its own weights",
      { job: { parent: { kind: "model", digest: "d", files: TINY_FILES } } },
      { code: "invalid_request", param: "model" },
    ],
  ])("refuses %s", async (_name, run, error) => {
    await expect(runClassifier({ settings: quick, ...run })).rejects.toMatchObject(error);
  });

  it("refuses labels that the tokenizer writes alike, where rows need them apart", () => {
    const line = { line: 1, text: "t", label: "a" };
    const texts = { labels: ["a", "b"], prior: [0.5, 0.5], training: [line], validation: [line], contradictory: 0 };
    const dataset = { name: "a", digest: "d", bytes: new Uint8Array() };
    const objective = classifierObjective({
      texts: { ...texts, calibratedOn: "held_out" },
      validation: dataset,
      tokenizer: { ...tokenizer, encode: () => [7] },
      onCalibrated: () => undefined,
    });
    expect(() => [...objective.lines(dataset, classifierSettings(small))]).toThrow(
      expect.objectContaining({
        code: "invalid_dataset",
        param: "training_file",
        message: expect.stringContaining('"a" and "b" alike'),
      }),
    );
    const alone = classifierSettings({ ...small, modes: ["lookahead"] });
    expect([...objective.lines(dataset, alone)]).toHaveLength(1);
  });
});
