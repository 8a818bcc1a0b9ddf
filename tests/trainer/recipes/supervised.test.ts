import { describe, expect, it, vi } from "vitest";
import type { TrainingHyperparameters } from "../../../shared/api/methods.ts";
import type { TrainerEvent } from "../../../shared/api/trainer.ts";
import { MANIFEST_FILE, parseManifest, requireBase } from "../../../shared/delta/manifest.ts";
import { decodeCanonical, SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { loadModelFolder, readModelJson } from "../../../shared/model/model-folder.ts";
import { tokenizerDigest } from "../../../shared/model/tokenizer.ts";
import { modelFolder } from "../../../shared/model/write-folder.ts";
import { ChosenSettings, type PeftChoice } from "../../../shared/peft/presets.ts";
import type { AnySettings } from "../../../shared/peft/registry.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import type { PageStore } from "../../../trainer/loop/update.ts";
import type { Metrics, Progress, RecipeJob, RecipeOutcome } from "../../../trainer/recipes/recipe.ts";
import { RECIPES } from "../../../trainer/recipes/registry.ts";
import { ALONE } from "../../support/alone.ts";
import { settingsOf } from "../../support/peft.ts";
import { largestDifference } from "../golden-llama.ts";
import { memoryStore } from "../loop/large-regression.ts";
import { tinyDataset, tinyModel } from "../tiny-model.ts";

// A run takes a third of a second of computing, which on a busy machine can be long.
vi.setConfig({ testTimeout: 120_000 });

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const files = tinyModel();
const base = { id: "tiny", digest: "b".repeat(64), files };
const lora = settingsOf({ type: "lora", r: 4, lora_alpha: 8 });

/** The tiny model with an embedding of 107,520 numbers. */
async function wideModel(): Promise<Map<string, Uint8Array>> {
  const json = JSON.parse(new TextDecoder().decode(files.get("config.json")));
  const wide = { ...json, hidden_size: 256, num_hidden_layers: 1 };
  const config = parseModelConfig(wide);
  const weights = initialWeights(config, 1);
  const folder = new Map(files).set("config.json", new TextEncoder().encode(JSON.stringify(wide)));
  return modelFolder({ config, base: folder, weight: (name) => weights.get(name)! });
}

async function dataset(text: string, name = "train.jsonl") {
  const bytes = new TextEncoder().encode(text);
  return { name, digest: await sha256Hex(bytes), bytes };
}

interface RunOptions {
  readonly hyperparameters?: Partial<TrainingHyperparameters>;
  readonly peft?: PeftChoice;
  readonly training?: string;
  readonly validation?: string;
  readonly checkpoint?: Uint8Array;
  readonly seed?: number;
  readonly base?: RecipeJob["base"];
  readonly pages?: PageStore;
  readonly afterStep?: (progress: Progress) => void;
}

interface Recorded {
  readonly outcome: RecipeOutcome;
  readonly events: Omit<TrainerEvent, "seq">[];
  readonly published: { step: number; digest: string; metrics: Metrics }[];
}

async function run(options: RunOptions = {}): Promise<Recorded> {
  const events: Recorded["events"] = [];
  const published: Recorded["published"] = [];
  const job: RecipeJob = {
    run: "run",
    seed: options.seed ?? 5,
    createdAt: 1_700_000_000,
    type: "supervised",
    settings: {
      hyperparameters: {
        n_epochs: "auto",
        batch_size: "auto",
        learning_rate_multiplier: "auto",
        ...options.hyperparameters,
      },
      peft: options.peft ?? lora,
    },
    base: options.base ?? base,
    training: await dataset(options.training ?? tinyDataset(12)),
    validation: options.validation === undefined ? null : await dataset(options.validation, "valid.jsonl"),
    checkpoint: options.checkpoint ?? null,
  };
  let clock = 0;
  const outcome = await RECIPES.supervised(job, {
    executor,
    now: () => (clock += 100),
    event: (event) => void events.push(event),
    openPages: () => options.pages ?? expect.fail("pages were opened"),
    yieldToEventLoop: async () => undefined,
    afterStep: async (progress) => options.afterStep?.(progress),
    publishCheckpoint: async (step, folder, metrics) =>
      void published.push({ step, digest: await sha256Hex(folder.files.get(SERVING_FILE)!), metrics }),
    ...ALONE,
  });
  return { outcome, events, published };
}

const bytesOf = ({ outcome }: Recorded) =>
  Promise.all([...outcome.folder.files].map(async ([name, bytes]) => [name, await sha256Hex(bytes)]));
const weightsOf = async ({ outcome }: Recorded) => {
  const { config } = loadModelFolder(files);
  const delta = decodeCanonical(outcome.folder.files.get(SERVING_FILE)!, config);
  return [...delta.linears.values()].flatMap(({ a, b }) => [...a!.data, ...b!.data]);
};

describe("a LoRA job", () => {
  const hyperparameters = { n_epochs: 4, batch_size: 4, learning_rate: 0.02 };
  const recorded = run({ hyperparameters, validation: tinyDataset(5, 2) });

  it("learns, and says how well on the validation file", async () => {
    const { outcome, events } = await recorded;
    const { base_loss: before, tuned_loss: after } = outcome.metrics;
    expect(before).toBeCloseTo(Math.log(420), 0);
    expect(after).toBeLessThan(before! - 0.1);
    const said = events.filter(({ type }) => type === "message").map(({ message }) => message);
    expect(said[0]).toMatch(
      /^train\.jsonl: 12 kept \(0 of them truncated to 128 tokens\), 0 dropped; \d+ of \d+ tokens/,
    );
    expect(said[1]).toMatch(/^valid\.jsonl: 5 kept/);
    expect(said[2]).toBe("Training 12 steps in 4 epochs");
    expect(said.at(-2)).toBe(`Loss on the validation file: ${before!.toFixed(4)} before, ${after!.toFixed(4)} after`);
    expect(said.at(-1)).toBe("The report is kept as report.json and report.html");
  });

  it("warns of lines that the validation file shares with the training file, and counts them in the report", async () => {
    const given = { n_epochs: 1, batch_size: 4, learning_rate: 0.02 };
    const training = tinyDataset(12);
    const leaked = training.split("\n").slice(2, 4).join("\n");
    const { outcome, events } = await run({
      hyperparameters: given,
      training,
      validation: `${tinyDataset(5, 2)}${leaked}\n`,
    });
    const counts = { overlapping_training_lines: 2, overlapping_validation_lines: 2 };
    expect(outcome.metrics).toMatchObject(counts);
    const warning = events.find(({ level, data }) => level === "warn" && data?.file === "validation_file")!;
    expect(warning).toMatchObject({ data: counts });
    expect(warning.message).toContain("2 the same as a line of valid.jsonl: 3 (6), 4 (7)");
    expect((await recorded).outcome.metrics).not.toHaveProperty("overlapping_training_lines");
  });

  it("reports every step by one event, since the server keeps a step's metrics once", async () => {
    const { events, outcome } = await recorded;
    const steps = events.flatMap(({ type, data }) => (type === "metrics" ? [data!] : []));
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    // Each tenth of the 12 steps, the ends of the epochs, and the last step.
    const isMeasured = (step: number) => step % 2 === 0 || step % 3 === 0;
    const memorisation = ["", "valid_"].flatMap((half) =>
      ["loss", "exact_copies", "prefix_copies"].map((name) => `memorisation/${half}${name}`),
    );
    for (const data of steps) {
      expect(Object.keys(data)).toEqual([
        "step",
        "total_steps",
        "loss",
        "learning_rate",
        "grad_norm",
        "tokens_per_second",
        "trained_tokens",
        "mean_token_accuracy",
        ...((data.step as number) % 3 === 0 ? memorisation : []),
        ...(isMeasured(data.step as number) ? ["valid_loss", "valid_mean_token_accuracy"] : []),
      ]);
      expect(Object.values(data).every((value) => Number.isFinite(value))).toBe(true);
    }
    expect(steps.at(-1)!.trained_tokens).toBe(outcome.trainedTokens);
    const accuracies = steps.map(({ mean_token_accuracy: share }) => share as number);
    for (const share of accuracies) expect(share).toBeLessThanOrEqual(1);
    expect(accuracies.at(-1)).toBeGreaterThan(accuracies[0]!);
    const { step, loss, valid_loss: valid } = steps[2] as Record<string, number>;
    const shown = events.find(({ data }) => data === steps[2])!.message;
    expect(shown).toBe(`Step ${step}/12: loss ${loss!.toFixed(4)}, ${valid!.toFixed(4)} on the validation file`);
  });

  it("publishes the ends of the last three epochs, the final one as its result", async () => {
    const { published, outcome } = await recorded;
    expect(published.map(({ step }) => step)).toEqual([6, 9, 12]);
    expect(new Set(published.map(({ digest }) => digest)).size).toBe(3);
    expect(published[2]!.digest).toBe(await sha256Hex(outcome.folder.files.get(SERVING_FILE)!));
    for (const { metrics } of published)
      expect(Object.keys(metrics).sort()).toEqual([
        "base_loss",
        "train_loss",
        "tuned_loss",
        "valid_mean_token_accuracy",
      ]);
  });

  it("says what every auto became", async () => {
    const { outcome } = await recorded;
    expect(outcome.hyperparameters).toMatchObject({ n_epochs: 4, batch_size: 4, learning_rate: 0.02, warmup_steps: 1 });
  });

  it("gives a folder that belongs to its base", async () => {
    const { outcome } = await recorded;
    const { config } = loadModelFolder(files);
    const digests = {
      digest: base.digest,
      tokenizerDigest: await tokenizerDigest(readModelJson(files, "tokenizer.json")),
    };
    const manifest = parseManifest(outcome.folder.files.get(MANIFEST_FILE)!);
    requireBase(manifest, digests);
    const serving = outcome.folder.files.get(SERVING_FILE)!;
    expect(manifest.digest).toBe(await sha256Hex(serving));
    expect(decodeCanonical(serving, config).linears.size).toBe(14);
    expect(manifest).toMatchObject({ base_model: "tiny", created_at: 1_700_000_000, parents: [] });
    expect(manifest.data_digests).toEqual([
      (await dataset(tinyDataset(12))).digest,
      (await dataset(tinyDataset(5, 2))).digest,
    ]);
    expect(manifest.metrics).toEqual({
      base_loss: outcome.metrics.base_loss,
      tuned_loss: outcome.metrics.tuned_loss,
      valid_mean_token_accuracy: outcome.metrics.valid_mean_token_accuracy,
    });
  });
});

describe("a run is a function of its job", () => {
  const options: RunOptions = {
    hyperparameters: { n_epochs: 2, batch_size: 2, gradient_accumulation_steps: 2, learning_rate: 0.01 },
    peft: { ...lora, lora_dropout: 0.2 } as AnySettings,
    validation: tinyDataset(3, 2),
  };

  it("killed after any step and gone on from its state, it ends with the same bytes", async () => {
    const undisturbed = await run(options);
    // In an epoch, at its end, and when all that is left is to publish.
    for (const killed of [1, 3, 6]) {
      let checkpoint: Uint8Array | undefined;
      const dying = run({
        ...options,
        afterStep: ({ step, state }) => {
          if (step !== killed) return;
          checkpoint = state();
          throw new Error("killed");
        },
      });
      await expect(dying).rejects.toThrow("killed");
      const resumed = await run({ ...options, checkpoint: checkpoint! });
      expect(await bytesOf(resumed)).toEqual(await bytesOf(undisturbed));
      expect(resumed.outcome.trainedTokens).toBe(undisturbed.outcome.trainedTokens);
      expect(resumed.published.at(-1)).toEqual(undisturbed.published.at(-1));
      expect(resumed.events.find(({ message }) => message === `Continuing after step ${killed}`)).toBeDefined();
    }
  });

  it("with the moments of large tensors in pages it ends with the same bytes, resumed or not", async () => {
    const wide = { ...options, base: { ...base, files: await wideModel() }, peft: settingsOf({ type: "full" }) };
    const hyperparameters = { ...options.hyperparameters, max_steps: 4 };
    const plain = await run({ ...wide, hyperparameters });
    const paged = { ...hyperparameters, optim: "paged_adamw_32bit", optim_memory_limit: 1000 } as const;
    let checkpoint: Uint8Array | undefined;
    const pages = memoryStore(2 * 420 * 256);
    const afterStep: RunOptions["afterStep"] = ({ step, state }) => {
      if (step === 2) checkpoint = state();
    };
    expect(await bytesOf(await run({ ...wide, hyperparameters: paged, pages, afterStep }))).toEqual(
      await bytesOf(plain),
    );
    expect(pages.numbers.every((number) => number === 0)).toBe(false);
    const resumed = await run({
      ...wide,
      hyperparameters: paged,
      pages: memoryStore(2 * 420 * 256),
      checkpoint: checkpoint!,
    });
    expect(await bytesOf(resumed)).toEqual(await bytesOf(plain));
  });

  it("another seed gives another result", async () => {
    const brief = { ...options, hyperparameters: { max_steps: 1 } };
    expect(await bytesOf(await run({ ...brief, seed: 6 }))).not.toEqual(await bytesOf(await run(brief)));
  });
});

describe("micro-batches and packing change the speed, not the result", () => {
  const withBatches = (hyperparameters: Partial<TrainingHyperparameters>) =>
    run({ hyperparameters: { max_steps: 4, learning_rate: 0.005, ...hyperparameters }, training: tinyDataset(16) });

  it("eight micro-batches of one example are one of eight, packed or not", async () => {
    const whole = await withBatches({ batch_size: 8 });
    const expected = await weightsOf(whole);
    for (const other of [
      { batch_size: 1, gradient_accumulation_steps: 8 },
      { batch_size: 8, packing: false },
      { batch_size: 1, gradient_accumulation_steps: 8, packing: false },
    ]) {
      const recorded = await withBatches(other);
      expect(recorded.outcome.trainedTokens).toBe(whole.outcome.trainedTokens);
      expect(largestDifference(await weightsOf(recorded), expected)).toBeLessThan(2e-5);
    }
  });
});

describe("a full fine-tune", () => {
  it("gives a whole model in float32 that loads, moved away from the base", async () => {
    const { outcome, published } = await run({
      peft: { type: "full" },
      hyperparameters: { n_epochs: 3, batch_size: 4, learning_rate: 0.003 },
      validation: tinyDataset(5, 2),
    });
    expect(outcome.metrics.tuned_loss).toBeLessThan(outcome.metrics.base_loss! - 0.5);
    expect(outcome.folder.kind).toBe("model");
    expect(published).toEqual([]);
    const { weights } = loadModelFolder(outcome.folder.files);
    for (const [name, { data }] of loadModelFolder(files).weights) expect(weights.get(name)!.data).not.toEqual(data);
  });
});

describe("methods that begin before the text", () => {
  const peft = [
    settingsOf({ type: "prompt", num_virtual_tokens: 3 }),
    settingsOf({ type: "prefix", num_virtual_tokens: 2 }),
  ];
  const hyperparameters = { n_epochs: 10, batch_size: 4, learning_rate: 0.1 };
  const validation = tinyDataset(5, 2);

  it("learn, from the loss that the bare base has on the bare text", async () => {
    const recorded = await run({ peft, hyperparameters, validation });
    const { base_loss: before, tuned_loss: after } = recorded.outcome.metrics;
    const bare = await run({ hyperparameters: { ...hyperparameters, max_steps: 1 }, validation });
    expect(before).toBe(bare.outcome.metrics.base_loss);
    expect(after).toBeLessThan(before! - 0.1);
    expect(await bytesOf(await run({ peft, hyperparameters, validation }))).toEqual(await bytesOf(recorded));
  });

  it("publish a folder each, and what is served of both", async () => {
    const { folder } = (await run({ peft, hyperparameters: { ...hyperparameters, max_steps: 2 } })).outcome;
    const names = ["adapter_config.json", "adapter_model.safetensors"];
    expect([...folder.files.keys()].filter((name) => name.includes("/")).sort()).toEqual(
      ["0-prompt", "1-prefix"].flatMap((adapter) => names.map((name) => `${adapter}/${name}`)),
    );
    const { config } = loadModelFolder(files);
    const { prompt, prefix } = decodeCanonical(folder.files.get(SERVING_FILE)!, config);
    expect(prompt!.shape).toEqual([3, config.hiddenSize]);
    expect(prefix!.map(({ key }) => key.shape)).toEqual([0, 1].map(() => [2, config.kvHeads * config.headDim]));
    const { methods } = parseManifest(folder.files.get(MANIFEST_FILE)!);
    expect(methods).toEqual(["prompt", "prefix"]);
  });

  it("leave their positions out of what the text may take", async () => {
    await expect(run({ peft, hyperparameters: { max_length: 124 } })).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("of which the method takes 5: ask for at most 123"),
    });
    const { events } = await run({ peft, hyperparameters: { max_length: 123, max_steps: 1 } });
    expect(events[0]!.message).toContain("truncated to 123 tokens");
  });
});

describe("a combination with a name", () => {
  const peft = ChosenSettings.parse({
    type: "unipelt",
    prefix_tuning: { num_virtual_tokens: 2, encoder_hidden_size: 8 },
    adapter: { reduction_factor: 4 },
    lora: { r: 2 },
  });
  const hyperparameters = { batch_size: 4, learning_rate: 0.02, max_steps: 12 };
  const validation = tinyDataset(5, 2);

  it("trains its methods, each at its own rate, and publishes a folder for each, gone on or not", async () => {
    let state: Uint8Array | undefined;
    const afterStep = ({ step, state: encode }: Progress) => {
      if (step === 7) state = encode();
    };
    const whole = await run({ peft, hyperparameters, validation, afterStep });
    const { base_loss: before, tuned_loss: after } = whole.outcome.metrics;
    expect(after).toBeLessThan(before! - 0.1);
    expect(await bytesOf(await run({ peft, hyperparameters, validation, checkpoint: state! }))).toEqual(
      await bytesOf(whole),
    );
    const { files: published } = whole.outcome.folder;
    const folders = new Set(
      [...published.keys()].filter((name) => name.includes("/")).map((name) => name.split("/")[0]),
    );
    expect([...folders]).toEqual(["0-prefix", "1-bottleneck", "2-lora"]);
    expect(parseManifest(published.get(MANIFEST_FILE)!).methods).toEqual(["prefix", "bottleneck", "lora"]);
  });
});

describe("what cannot be trained is refused, saying what to change", () => {
  const unlabelled = '{"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two","weight":0}]}\n';

  it.each<[string, RunOptions, string, string | undefined, RegExp]>([
    ["no label", { training: unlabelled }, "invalid_dataset", "training_file", /no token to train on.*add one to each/],
    [
      "no label to measure on",
      { validation: unlabelled },
      "invalid_dataset",
      "validation_file",
      /no token to train on/,
    ],
    ["a broken line", { training: '{"messages":\n' }, "invalid_file", "training_file", /line 1 of train\.jsonl/],
    [
      "a context beyond the model's",
      { hyperparameters: { max_length: 129 } },
      "invalid_request",
      "method.supervised.hyperparameters.max_length",
      /`max_length` is 129, but the model's context has 128 tokens/,
    ],
    [
      "a rank beyond the layers'",
      { peft: { ...lora, r: 10_000 } as AnySettings },
      "invalid_request",
      "method.supervised.peft.r",
      /must be from 1 to 16, got 10000/,
    ],
    [
      "modules that are not there",
      { peft: { ...lora, target_modules: "c_attn" } as AnySettings },
      "invalid_request",
      "method.supervised.peft.target_modules",
      /`c_attn` matches no linear layer/,
    ],
  ])("%s", async (_name, options, code, param, message) => {
    await expect(run(options)).rejects.toMatchObject({ code, param, message: expect.stringMatching(message) });
  });

  it("a rate at which the last step leaves nothing to measure", async () => {
    const diverging = { hyperparameters: { max_steps: 1, learning_rate: 1e30 }, validation: tinyDataset(2) };
    await expect(run(diverging)).rejects.toMatchObject({
      code: "non_finite",
      message: "step 1: the loss on the validation file is not finite; lower the learning rate",
    });
  });

  it("warns of what it cuts and leaves out", async () => {
    const long = JSON.stringify({
      messages: [
        { role: "user", content: "one" },
        { role: "assistant", content: "two ".repeat(80) },
      ],
    });
    const { events } = await run({
      hyperparameters: { max_steps: 1, max_length: 40 },
      training: `${long}\n${unlabelled}`,
    });
    expect(events[0]).toMatchObject({
      level: "warn",
      data: { file: "training_file", kept: 1, truncated: 1, dropped: 1 },
    });
    expect(events[0]!.message).toContain("line 2 is left out: it has no assistant message with weight 1");
  });
});
