import { describe, expect, it } from "vitest";
import { JobReport } from "../../../shared/api/job-report.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { NO_PROBES } from "../../../shared/evaluation/probes.ts";
import type { Judge } from "../../../trainer/report/judge.ts";
import { type MeasureOptions, measureReport, reportFiles } from "../../../trainer/report/measure-report.ts";
import type { Questions, ReportPair } from "../../../trainer/report/questions.ts";
import type { Reply, Subject } from "../../../trainer/report/subject.ts";

const ids = (...numbers: number[]) => Int32Array.from(numbers);
const example = (labels: number[]) => ({ ids: ids(1, ...labels), labels: ids(-100, ...labels) });
const pair: ReportPair = { chosen: example([5, 6]), rejected: example([7]) };
const style = { name: "register", high: "polite", low: "rude", prompts: [] };
const questions: Questions = {
  prompts: [0, 1, 2, 3].map((n) => ({ ids: ids(n, 1), text: `prompt ${n}`, item: { n } })),
  samples: 2,
  maxTokens: 8,
  pairs: [pair, pair],
  completions: [
    { example: example([5, 6]), desirable: true },
    { example: example([7]), desirable: false },
  ],
  instructions: [{ ids: ids(9), of: { prompt: "p", instructions: [{ kind: "no_commas" }] } }],
  instructionsFrom: "built-in",
  facts: [{ ids: ids(10), of: { prompt: "p", answer: "please" } }],
  tasks: [{ ids: ids(11), of: { task: "copy", user: "u", answer: "please wait", match: "text" } }],
  texts: [example([1, 2, 3])],
  styles: [{ style: { ...style, classifier: { bias: 0, weights: { please: 2, now: -2 } } }, prompts: [ids(12)] }],
  longest: 10,
};

/** A model that always writes the same, with the same log-probability of every token. */
function subject(text: string, logprob: number, changes: Partial<Subject> = {}): Subject {
  const reply: Reply = { tokens: [3, 4, 0], logprobs: [logprob, logprob, logprob], text, ended: true };
  return {
    reply: async (prompts, { samples = 1 }) => prompts.map(() => new Array<Reply>(samples).fill(reply)),
    logProbabilities: async (examples) =>
      examples.map(({ labels }) => Float32Array.from(labels, (label) => (label < 0 ? 0 : logprob))),
    close: async () => undefined,
    ...changes,
  };
}

const politeness: Judge = {
  name: "the politeness",
  ownReward: false,
  score: async (replies) =>
    replies.map(({ text, item }) => ({ reward: Number(text.includes("please")) + Number(item.n) / 100 })),
};
const options = (changes: Partial<MeasureOptions> = {}): MeasureOptions => ({
  job: {
    ...{ type: "dpo", base: "b", created_at: 1, seed: 2, training_file: "t", validation_file: null, steps_trained: 3 },
    ...{ continues: false, validation: {}, calibration: null },
  },
  questions,
  heldOut: true,
  steps: [],
  missing: [],
  judge: politeness,
  progress: () => undefined,
  open: async (which) => (which === "tuned" ? subject("please wait", -0.5) : subject("now, wait", -1)),
  ...changes,
});

describe("a report", () => {
  it("compares the two models in every part", async () => {
    const report = await measureReport(options());
    expect(JobReport.parse(report)).toEqual(report);
    expect(report.missing).toEqual([]);
    expect(report.win_rate).toMatchObject({ wins: 8, ties: 0, losses: 0, plain: { value: 1, n: 4 }, flawed: 0 });
    expect(report.win_rate!.length_controlled).toMatchObject({
      win_rate: null,
      n: 8,
      reason: expect.stringContaining("all 8"),
    });
    expect(report.win_rate!.score.change).toMatchObject({ value: 1, n: 4 });
    // Three tokens, half a nat each.
    expect(report.divergence).toMatchObject({ k1: { value: 1.5, n: 8 }, per_token: 0.5 });
    expect(report.fidelity).toMatchObject({
      before: { prompt_strict: { value: 0 } },
      after: { prompt_strict: { value: 1 } },
    });
    expect(report.facts).toMatchObject({ before: { value: 0, n: 1 }, after: { value: 1 }, change: { value: 1 } });
    expect(report.tasks).toMatchObject({ groups: [{ name: "copy", n: 1, before: 0, after: 1 }] });
    expect(report.base_loss).toMatchObject({ before: { value: 1 }, after: { value: 0.5 }, change: { value: -0.5 } });
    expect(report.styles).toMatchObject([
      {
        probes: { before: { value: 0 }, after: { value: 1 } },
        replies: { before: { value: 0, n: 8 }, after: { value: 1 } },
      },
    ]);
    expect(report.texts).toMatchObject({
      before: { replies: 8, tokens: { value: 2 }, ended: { value: 1 }, distinct_1: 0.125 },
    });
    expect(report.samples[3]).toMatchObject({
      before: "now, wait",
      after: "please wait",
      score_before: expect.any(Number),
    });
    expect(report.budget).toEqual({ prompts: 4, samples: 2, max_tokens: 8, held_out: true });
  });

  it("measures pairs by sums and by means over tokens, and says what length predicts", async () => {
    const { preference_accuracy: accuracy } = await measureReport(options());
    // Two tokens of the better completion against one: less likely by the sum, as likely by the mean.
    expect(accuracy).toMatchObject({
      pairs: 2,
      summed: { before: { value: 0 }, after: { value: 0 } },
      per_token: { before: { value: 0.5 }, after: { value: 0.5 } },
      // −2 → −1 and −1 → −0.5: the margin grew.
      implicit: { value: 1 },
      longer: { value: 1 },
    });
  });

  it("has intervals that count prompts: samples, pairs and completions of one prompt twice make none narrower", async () => {
    const ofPrompt = (prompt: number, label: number) => ({ ids: ids(prompt, label), labels: ids(-100, label) });
    const some = [1, 2, 3, 4];
    const pairs = some.map((prompt) => ({ chosen: ofPrompt(prompt, prompt), rejected: ofPrompt(prompt, 5 - prompt) }));
    const completions = some.map((prompt) => ({ example: ofPrompt(prompt, prompt), desirable: true }));
    /** Says something else to each prompt, and finds greater tokens likelier, or the other way around. */
    const varied = (sign: number): Subject => ({
      ...subject("", -1),
      reply: async (prompts, { samples = 1 }) =>
        prompts.map((prompt, p) => {
          const tokens = [...prompt.slice(1), ...new Array<number>(p + 1).fill(3)];
          const logprobs = tokens.map((_, t) => -1 - (p + t) / 8);
          const text = p % 2 === 0 ? "please" : sign > 0 ? "please now" : "now";
          return new Array<Reply>(samples).fill({ tokens, logprobs, text, ended: p % 2 === 0 });
        }),
      logProbabilities: async (examples) =>
        examples.map((one) => Float32Array.from(one.labels, (label, t) => (label < 0 ? 0 : (sign * one.ids[t]!) / 4))),
    });
    const made = async (times: number) => {
      const repeated = <T>(all: readonly T[]) => all.flatMap((one) => new Array<T>(times).fill(one));
      const asked = { pairs: repeated(pairs), completions: repeated(completions), samples: times };
      return measureReport(
        options({
          questions: { ...questions, ...asked },
          open: async (which) => varied(which === "tuned" ? 1 : -1),
        }),
      );
    };
    const intervals = (report: JobReport) => {
      const ends: Record<string, readonly [number | null, number | null]> = {};
      const walk = (value: unknown, path: string): void => {
        if (typeof value !== "object" || value === null) return;
        if ("low" in value && "high" in value) ends[path] = [value.low, value.high] as [number | null, number | null];
        for (const [name, inner] of Object.entries(value)) walk(inner, `${path}.${name}`);
      };
      const { preference_accuracy, completions, divergence, texts, styles } = report;
      walk({ preference_accuracy, completions, divergence, texts, replies: styles[0]!.replies }, "");
      return ends;
    };
    const [once, twice] = [intervals(await made(1)), intervals(await made(2))];
    expect(Object.keys(once).length).toBeGreaterThan(18);
    expect(Object.keys(twice)).toEqual(Object.keys(once));
    for (const [path, [low, high]] of Object.entries(once)) {
      if (low === null || high === null) continue;
      expect(twice[path]![0], path).toBeCloseTo(low, 8);
      expect(twice[path]![1], path).toBeCloseTo(high, 8);
    }
  });

  it("measures single completions by their labels", async () => {
    const { completions } = await measureReport(options());
    expect(completions).toMatchObject({
      desirable: { before: { value: -2, n: 1 }, after: { value: -1 }, change: { value: 1 } },
      undesirable: { before: { value: -1 }, after: { value: -0.5 }, change: { value: 0.5 } },
    });
  });

  it("is the same twice, byte for byte", async () => {
    const files = async () => reportFiles(await measureReport(options()));
    const [one, other] = [await files(), await files()];
    expect(one.map(({ name }) => name)).toEqual(["report.json", "report.html"]);
    expect(one).toEqual(other);
    expect(JSON.parse(new TextDecoder().decode(one[0]!.bytes))).toEqual(await measureReport(options()));
  });

  it("keeps its other parts where one fails, and says which and why", async () => {
    const failing = { logProbabilities: async () => Promise.reject(new TrimtabError("non_finite", "logits went")) };
    const report = await measureReport(
      options({
        open: async (which) => (which === "tuned" ? subject("please", -0.5) : subject("now", -1, failing)),
      }),
    );
    expect([report.preference_accuracy, report.base_loss, report.divergence]).toEqual([null, null, null]);
    expect(report.missing).toEqual(
      expect.arrayContaining([
        { part: "divergence", reason: "logits went" },
        { part: "pairs", reason: "logits went" },
        { part: "base_loss", reason: "logits went" },
      ]),
    );
    expect(report.win_rate).not.toBeNull();
    expect(report.facts).not.toBeNull();
  });

  it("leaves out comparisons that the judge could not score, and does without a judge that fails", async () => {
    const some: Judge = {
      ...politeness,
      score: async (replies) =>
        replies.map(({ item }, i) =>
          item.n === 0 ? { reward: 0, flaw: "odd" } : item.n === 1 ? { reward: Number.NaN } : { reward: i },
        ),
    };
    const flawed = await measureReport(options({ judge: some }));
    expect(flawed.win_rate).toMatchObject({ flawed: 4, plain: { n: 2 } });
    expect(flawed.samples[0]).toMatchObject({ score_before: null, score_after: null });
    expect(JSON.stringify(flawed)).not.toContain("NaN");
    const broken: Judge = { ...politeness, score: async () => Promise.reject(new Error("gone")) };
    const without = await measureReport(options({ judge: broken }));
    expect(without.win_rate).toBeNull();
    expect(without.missing).toEqual([{ part: "win_rate", reason: "the politeness did not judge: gone" }]);
  });

  it("says what a base without probes and a job without prompts leave unmeasured", async () => {
    const none: Questions = {
      ...questions,
      ...{
        prompts: [],
        pairs: [],
        completions: [],
        instructions: [],
        facts: [],
        tasks: [],
        texts: [],
        styles: NO_PROBES.styles as [],
      },
    };
    const report = await measureReport(options({ questions: none }));
    expect(report.missing.map(({ part }) => part)).toEqual([
      "replies",
      "fidelity",
      "facts",
      "tasks",
      "base_loss",
      "styles",
    ]);
    expect(JobReport.parse(report)).toEqual(report);
  });

  it("ends with what its progress throws, and closes the model", async () => {
    let open = 0;
    const counted = async () => {
      open += 1;
      return subject("a", -1, {
        close: async () => {
          open -= 1;
        },
      });
    };
    const progress = (part: string) => {
      if (part === "facts") throw new TrimtabError("cancelled", "stop");
    };
    await expect(measureReport(options({ open: counted, progress }))).rejects.toMatchObject({ code: "cancelled" });
    expect(open).toBe(0);
  });
});
