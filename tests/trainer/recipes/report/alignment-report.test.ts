import { describe, expect, it, vi } from "vitest";
import { JobReport } from "../../../../shared/api/job-report.ts";
import { Method } from "../../../../shared/api/methods.ts";
import type { TrainerEvent } from "../../../../shared/api/trainer.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import type { RecipeContext } from "../../../../trainer/recipes/recipe.ts";
import { RECIPES } from "../../../../trainer/recipes/registry.ts";
import { quietContext, TINY_FILES, tinyJobOf } from "../objectives/run-objective.ts";

vi.setConfig({ testTimeout: 120_000 });

const user = (content: string) => ({ role: "user", content });
const reply = (content: string) => ({ role: "assistant", content });
const WORDS = ["red", "green", "blue", "one", "two", "three", "up", "down"];
const jsonl = (lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const pairs = (from: number, to: number) =>
  jsonl(
    WORDS.slice(from, to).map((word) => ({
      input: { messages: [user(word)] },
      preferred_output: [reply(`${word} ${word}`)],
      non_preferred_output: [reply("down")],
    })),
  );
const PROBES = JSON.stringify({
  format: "trimtab.evaluation/1",
  facts: [{ prompt: "red is", answer: "blue" }],
  tasks: [{ task: "copy", user: "red one", answer: "red" }],
  texts: ["one two three"],
  styles: [
    {
      name: "colour",
      high: "warm",
      low: "cold",
      classifier: { bias: 0, weights: { red: 1 } },
      prompts: [{ text: "one red" }],
    },
  ],
});

interface Options {
  readonly report?: object;
  readonly type?: "dpo" | "kto" | "rloo" | "reward_model";
  /** In place of those of a short run. */
  readonly settings?: object;
  readonly training?: string;
  readonly validation?: string;
  readonly peft?: object;
  readonly context?: Partial<RecipeContext>;
  readonly checkpoint?: Uint8Array;
  readonly probes?: string;
  readonly template?: string;
}

async function run(options: Options = {}) {
  const { type = "dpo", report, peft, checkpoint, probes = PROBES } = options;
  const hyperparameters = { n_epochs: 2, batch_size: 2, learning_rate: 0.03 };
  const given = options.settings ?? {
    hyperparameters,
    ...(report === undefined ? {} : { report }),
    ...(peft === undefined ? {} : { peft }),
  };
  const method = Method.parse({ type, [type]: given });
  const settings = (method as never as Record<string, never>)[type]!;
  const { training = pairs(0, 6), validation = pairs(6, 8) } = options;
  const job = await tinyJobOf({ settings, training, ...(validation === "" ? {} : { validation }) });
  const files = new Map([...TINY_FILES, ["evaluation.json", new TextEncoder().encode(probes)]]);
  if (options.template !== undefined) files.set("chat_template.jinja", new TextEncoder().encode(options.template));
  const kept = new Map<string, string>();
  const events: Omit<TrainerEvent, "seq">[] = [];
  const context = quietContext({
    event: (event) => void events.push(event),
    keepFile: async ({ name, bytes }) => void kept.set(name, new TextDecoder().decode(bytes)),
    ...options.context,
  });
  const base = { ...job.base, files };
  const outcome = await RECIPES[type]({ ...job, type, base, checkpoint: checkpoint ?? null } as never, context);
  const json = kept.get("report.json");
  return { outcome, kept, events, report: json === undefined ? undefined : JobReport.parse(JSON.parse(json)) };
}

describe("a job's report", () => {
  it("is kept as JSON and as a page, with everything that can be measured", async () => {
    const grader = {
      type: "string_check",
      name: "reds",
      operation: "like",
      input: "{{sample.output_text}}",
      reference: "r",
    };
    const { report, kept, events } = await run({ report: { judge: grader, max_tokens: 12 } });
    expect([...kept.keys()]).toEqual(["report.json", "report.html"]);
    expect(kept.get("report.html")).toMatch(/^<!doctype html>/);
    expect(report).toMatchObject({
      ...{ type: "dpo", base: "tiny", created_at: 1_700_000_000, seed: 3, steps_trained: 6, continues: false },
      ...{ training_file: "train.jsonl", validation_file: "valid.jsonl" },
      budget: { prompts: 2, samples: 1, max_tokens: 12, held_out: true },
      preference_accuracy: { pairs: 2, implicit: { n: 2 } },
      win_rate: { judge: "the grader reds", own_reward: false },
      divergence: { k1: { n: 2 } },
      fidelity: { prompts: "built-in" },
      ...{ facts: { after: { n: 1 } }, tasks: { after: { n: 1 } }, base_loss: { after: { n: 1 } } },
      missing: [],
    });
    expect(report!.steps!.steps).toEqual([1, 2, 3, 4, 5, 6]);
    expect(report!.steps!.series.loss).toHaveLength(6);
    expect(report!.steps!.series).not.toHaveProperty("tokens_per_second");
    const messages = events.filter(({ type }) => type === "message").map(({ message }) => message);
    expect(messages.at(-2)).toContain("for the report: 2 prompts, 1 replies to each, up to 12 tokens");
    expect(messages.at(-1)).toContain("The report is kept as report.json and report.html");
  });

  it("measures a model that has not moved as the one that it started from", async () => {
    const { report } = await run({ report: { judge: undefined }, peft: { type: "lora", r: 1, lora_alpha: 1e-6 } });
    expect(Math.abs(report!.divergence!.k1.value)).toBeLessThan(1e-3);
    expect(report!.base_loss!.change!.value).toBeCloseTo(0, 4);
    for (const { before, after } of report!.samples) expect(after).toBe(before);
    expect(report!.win_rate).toBeNull();
    expect(report!.missing).toEqual([
      { part: "win_rate", reason: expect.stringContaining("name a grader as report.judge") },
    ]);
  });

  it("has the same bytes again, and after a job that was killed and resumed", async () => {
    const whole = await run();
    expect((await run()).kept).toEqual(whole.kept);
    let checkpoint: Uint8Array | undefined;
    const afterStep: RecipeContext["afterStep"] = async ({ step, state }) => {
      if (step !== 3) return;
      checkpoint = state();
      throw new Error("killed");
    };
    await expect(run({ context: { afterStep } })).rejects.toThrow("killed");
    expect((await run({ checkpoint: checkpoint! })).kept).toEqual(whole.kept);
  });

  it("is also made without a validation file, and says that its prompts were trained on", async () => {
    const { report } = await run({ validation: "" });
    expect(report).toMatchObject({ budget: { prompts: 6, held_out: false }, preference_accuracy: null });
    expect(report!.missing.map(({ part }) => part)).toEqual(["pairs", "win_rate"]);
  });

  it("is made of unpaired completions, of virtual tokens, and of a full fine-tune", async () => {
    const lines = WORDS.map((word, i) => ({ prompt: [user(word)], completion: [reply(word)], label: i % 2 === 0 }));
    const kto = await run({ type: "kto", training: jsonl(lines), validation: jsonl(lines.slice(0, 4)) });
    expect(kto.report).toMatchObject({ type: "kto", preference_accuracy: null, budget: { prompts: 4 } });
    expect(kto.report!.completions).toMatchObject({ desirable: { after: { n: 2 } }, undesirable: { after: { n: 2 } } });
    for (const peft of [
      { type: "prompt", num_virtual_tokens: 3 },
      { type: "prefix", num_virtual_tokens: 2 },
      { type: "full" },
    ]) {
      const { report } = await run({ peft });
      expect(report!.missing.map(({ part }) => part)).toEqual(["win_rate"]);
      expect(Number.isFinite(report!.divergence!.k1.value)).toBe(true);
    }
  });

  it("is judged by the reward of a job on rewards, or by its gold one, which it did not train on", async () => {
    const prompts = jsonl(WORDS.map((word) => ({ prompt: [user(word)], wanted: word })));
    const checking = (name: string, reference: string) => {
      const compared = { type: "text_similarity", evaluation_metric: "fuzzy_match", input: "{{sample.output_text}}" };
      return { type: "grader", grader: { ...compared, name, reference } };
    };
    const hyperparameters = {
      max_steps: 2,
      batch_size: 4,
      num_generations: 4,
      max_completion_length: 12,
      learning_rate: 0.01,
    };
    const rewarded = (gold?: object) =>
      run({
        type: "rloo",
        training: prompts,
        validation: prompts.split("\n").slice(0, 3).join("\n"),
        settings: {
          hyperparameters,
          reward: checking("wanted", "{{item.wanted}}"),
          ...(gold === undefined ? {} : { gold }),
        },
      });
    const own = (await rewarded()).report!;
    expect(own.win_rate).toMatchObject({ judge: "the grader wanted", own_reward: true });
    expect(own).toMatchObject({ type: "rloo", preference_accuracy: null, completions: null, budget: { prompts: 3 } });
    expect(own.missing).toEqual([]);
    expect(own.steps!.frontier).toEqual({ divergence: "objective/kl", reward: "objective/scores" });
    expect(own.steps!.hacking).toMatchObject({ gold: null, length: "completions/mean_length" });
    const gold = (await rewarded(checking("golden", "a"))).report!;
    expect(gold.win_rate).toMatchObject({ judge: "the gold reward, the grader golden", own_reward: false });
    expect(gold.steps!.hacking).toMatchObject({ proxy: "valid_reward", gold: "valid_gold_mean" });
  });

  it("is of a reward model, which is asked nothing, its accuracy and calibration", async () => {
    const { report, kept } = await run({
      type: "reward_model",
      settings: { hyperparameters: { max_steps: 3, batch_size: 2 } },
    });
    expect([...kept.keys()]).toEqual(expect.arrayContaining(["report.json", "report.html", "reliability.json"]));
    expect(report).toMatchObject({
      ...{ type: "reward_model", budget: null, win_rate: null, texts: null, samples: [], missing: [] },
      calibration: { pairs: 2, calibrated_on: "validation_file", accuracy: { n: 2 }, longer: { n: 2 } },
    });
    expect(report!.calibration!.bins.reduce((sum, { n }) => sum + n, 0)).toBe(2);
    expect(report!.steps!.steps).toEqual([1, 2, 3]);
    expect(kept.get("report.html")).toContain("Calibration</h2>");
  });

  it("is not made where it is turned off", async () => {
    const { kept, events } = await run({ report: { enabled: false } });
    expect(kept.size).toBe(0);
    expect(events.some(({ message }) => message.includes("report"))).toBe(false);
  });

  it("does not fail the job: it says why it could not be made", async () => {
    const keepFile = async () => Promise.reject(new TrimtabError("capacity_exceeded", "the store is full"));
    const { outcome, events } = await run({ context: { keepFile } });
    expect(outcome.folder.files.size).toBeGreaterThan(0);
    expect(events.at(-1)).toMatchObject({
      level: "warn",
      message: "The report could not be made: the store is full",
    });
  });

  it("names what is wrong with the base's probes, and goes on without them", async () => {
    const { report } = await run({ probes: '{"format": "trimtab.evaluation/1", "facts": 1}' });
    expect(report!.facts).toBeNull();
    expect(report!.missing[0]).toEqual({ part: "evaluation.json", reason: expect.stringContaining("`facts`") });
  });

  it("says that the base's probes were looked for in a part of a long training file", async () => {
    const word = "red ".repeat(1 << 19);
    const long = pairs(0, 6) + jsonl([1, 2, 3].map(() => ({ ...JSON.parse(pairs(0, 1)), note: word })));
    const { report } = await run({ training: long });
    expect(report!.missing[0]).toEqual({
      part: "training_file",
      reason: expect.stringMatching(/in the first 4\.0 MiB of 6\.0 MiB/),
    });
  });

  it("is made without a judge that cannot be made, and says why", async () => {
    const { report } = await run({ report: { judge: { type: "reward_model", model: "ft:gone" } } });
    expect(report).toMatchObject({ win_rate: null, facts: { after: { n: 1 } }, divergence: { k1: { n: 2 } } });
    expect(report!.missing).toEqual([
      { part: "win_rate", reason: expect.stringMatching(/^the judge cannot be used: .*ft:gone/) },
    ]);
  });

  it("is made without a chat template that cannot be read, and says why", async () => {
    const lines = WORDS.map((word) => ({ prompt: word, chosen: ` ${word}`, rejected: ` ${word} red` }));
    const { report } = await run({
      ...{ template: "{% if %}", training: jsonl(lines.slice(0, 6)), validation: jsonl(lines.slice(6)) },
    });
    expect(report).toMatchObject({ fidelity: null, facts: { after: { n: 1 } }, preference_accuracy: { pairs: 2 } });
    expect(report!.missing[0]).toEqual({ part: "chat_template", reason: expect.any(String) });
  });

  it("is given up where the job is cancelled while it is judged", async () => {
    const cancelled = new TrimtabError("cancelled", "cancelled");
    let asked = false;
    const context: Partial<RecipeContext> = {
      ask: async () => {
        asked = true;
        throw cancelled;
      },
      yieldToEventLoop: async () => {
        if (asked) throw cancelled;
      },
    };
    const judge = {
      ...{ type: "label_model", name: "kind", model: "judge", input: [{ role: "user", content: "Kind?" }] },
      ...{ labels: ["yes", "no"], passing_labels: ["yes"] },
    };
    await expect(run({ report: { judge }, context })).rejects.toBe(cancelled);
  });

  it("is given up where the job is cancelled meanwhile", async () => {
    let measuring = false;
    const { context, cancelled } = {
      cancelled: new TrimtabError("cancelled", "cancelled"),
      context: {
        event: ({ message }: { readonly message: string }) => {
          if (message.startsWith("Measuring")) measuring = true;
        },
        yieldToEventLoop: async () => {
          if (measuring) throw cancelled;
        },
      },
    };
    await expect(run({ context })).rejects.toBe(cancelled);
  });
});
