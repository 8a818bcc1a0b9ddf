import { describe, expect, it } from "vitest";
import { SynthesisReport } from "../../../shared/api/synthesis-report.ts";
import { SynthesizeSettings } from "../../../shared/api/synthesize.ts";
import type { TrainerEvent } from "../../../shared/api/trainer.ts";
import { parseTrainingFile } from "../../../shared/data/training-lines.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import type { Question } from "../../../shared/graders/kind.ts";
import type { Progress, RecipeContext, RecipeJob } from "../../../trainer/recipes/recipe.ts";
import { synthesize } from "../../../trainer/recipes/synthesize.ts";
import { jsonl, linesOf, wordModel } from "./constitutional/run-constitutional.ts";
import { quietContext, tinyJobOf } from "./objectives/run-objective.ts";

const SEEDS = [
  ["red blue", "one two"],
  ["green up", "three"],
  ["two three", "down down"],
  ["blue one up", "red"],
].map(([instruction, output]) => ({ instruction, output }));

/** The tiny model writes few words: they are kept unless a test says otherwise. */
const SHORT = { length: { min_words: 1 }, format: {} };

interface Run {
  readonly settings?: object;
  readonly training?: readonly object[];
  readonly validation?: readonly object[] | null;
  readonly ask?: RecipeContext["ask"];
  readonly checkpoint?: Uint8Array;
  readonly afterStep?: (progress: Progress) => void;
}

async function run({ settings = {}, training = SEEDS, validation = null, ask, checkpoint, afterStep }: Run) {
  const kept = new Map<string, string>();
  const events: Omit<TrainerEvent, "seq">[] = [];
  const dataset = async (name: string, lines: readonly object[]) => {
    const bytes = new TextEncoder().encode(jsonl(lines));
    return { name, bytes, digest: await sha256Hex(bytes) };
  };
  const tiny = await tinyJobOf({ settings: {} as never, training: "" });
  const job = {
    ...{ ...tiny, run: "made", type: "synthesize", seed: 3, checkpoint: checkpoint ?? null },
    settings: SynthesizeSettings.parse({
      ...{ rounds: 2, per_round: 20, max_tokens: 6, shots: 2, style: "chat", filters: SHORT, ...settings },
    }),
    base: { ...tiny.base, files: await wordModel() },
    training: await dataset("seeds.jsonl", training),
    validation: validation && (await dataset("evaluation.jsonl", validation)),
  } as RecipeJob<SynthesizeSettings>;
  const context = quietContext({
    event: (event) => void events.push(event),
    keepFile: async ({ name, bytes }) => void kept.set(name, new TextDecoder().decode(bytes)),
    afterStep: async (progress) => afterStep?.(progress),
    ...(ask === undefined ? {} : { ask }),
  });
  const outcome = await synthesize(job, context);
  const report = SynthesisReport.parse(JSON.parse(kept.get("report.json")!));
  return { outcome, kept, events, report };
}

describe("data from seeds", () => {
  it("is a file to train on, with where each line is from, and what was rejected", async () => {
    const { outcome, kept, events, report } = await run({});
    expect(outcome).toMatchObject({ folder: null, trainedTokens: 0, metrics: { asked: 40, kept: report.kept } });
    expect(report.kept).toBeGreaterThan(5);
    const made = [...parseTrainingFile(new TextEncoder().encode(kept.get("synthetic.jsonl")))];
    const provenance = linesOf(kept.get("provenance.jsonl"));
    const rejected = linesOf(kept.get("rejected.jsonl"));
    expect(made).toHaveLength(report.kept);
    expect([provenance.length, rejected.length]).toEqual([report.kept, 40 - report.kept]);
    for (const [at, line] of provenance.entries()) {
      expect(made[at]!.example).toMatchObject({ messages: [{ content: line.instruction }, { content: line.output }] });
      expect(line).toMatchObject({
        line: at + 1,
        operation: "self_instruct",
        model: expect.any(String),
        kept_because: ["length", "format"],
        sampling: { seed: expect.any(Number) },
      });
      for (const source of line.sources as string[]) expect(source).toMatch(/^(?:seed:[1-4]|r1-\d+)$/);
    }
    for (const line of rejected)
      expect(line.rejected).toMatchObject({ filter: expect.any(String), reason: expect.any(String) });
    const ofFirst = (sources: unknown) => (sources as string[]).some((one) => one.startsWith("r1-"));
    expect(provenance.filter(({ sources }) => ofFirst(sources)).map(({ round }) => round)).toContain(2);
    expect(provenance.filter(({ round }) => round === 1).some(({ sources }) => ofFirst(sources))).toBe(false);
    expect(events.filter(({ type }) => type === "metrics").map(({ data }) => data?.step)).toEqual([1, 2]);
    expect(kept.get("report.html")).toContain("Collapse of diversity");
    expect(kept.get("report.html")).not.toContain("<script");
  });

  it("ends with the same bytes when killed after any chunk", async () => {
    const settings = { filters: { ...SHORT, rouge: {}, duplicates: {} }, seed_share: 0.5, shots: 4 };
    const states: Uint8Array[] = [];
    const whole = await run({ settings, afterStep: ({ state }) => void states.push(state()) });
    expect(states).toHaveLength(4);
    for (const checkpoint of states) {
      const resumed = await run({ settings, checkpoint });
      expect([...resumed.kept]).toEqual([...whole.kept]);
    }
    await expect(run({ settings, checkpoint: states[0]!.slice(0, -3) })).rejects.toMatchObject({
      code: "corrupt_blob",
    });
  });

  it("may be texts to continue, rewritten instructions, and shown examples of its own", async () => {
    const settings = { approach: "evol", style: "few_shot", operations: ["widen", "constrain"], max_tokens: 12 };
    const { kept, report } = await run({ settings: { ...settings, filters: {} } });
    expect(report).toMatchObject({ approach: "evol", seeds: 4 });
    const all = [...linesOf(kept.get("provenance.jsonl")), ...linesOf(kept.get("rejected.jsonl"))];
    expect(all).toHaveLength(40);
    expect(new Set(all.map(({ operation }) => operation))).toEqual(new Set(["widen", "constrain"]));
    for (const { sources } of all) expect(sources).toHaveLength(1);
  });

  it("stops at so many examples", async () => {
    const { report, kept } = await run({ settings: { max_kept: 3, filters: {} } });
    expect(report.kept).toBe(3);
    expect(linesOf(kept.get("synthetic.jsonl"))).toHaveLength(3);
    expect(report.rounds).toHaveLength(1);
  });
});

describe("models beside the job's own", () => {
  it("answer, and grade", async () => {
    const asked: Question[] = [];
    const usage = { prompt_tokens: 1, completion_tokens: 2, cached_tokens: 0, total_tokens: 3 };
    const grader = {
      ...{ type: "string_check", name: "one", operation: "like" },
      ...{ input: "{{sample.output_text}}", reference: "one" },
    };
    const { kept, report } = await run({
      settings: { answerer: "teacher", filters: { ...SHORT, grade: { grader } } },
      ask: async (question) => {
        asked.push(question);
        if (asked.length === 1) return { failure: "it is out", usage };
        return { text: asked.length % 2 === 0 ? "one of these" : "zero", usage };
      },
    });
    expect(asked.every(({ model }) => model === "teacher")).toBe(true);
    const provenance = linesOf(kept.get("provenance.jsonl"));
    expect(provenance.length).toBeGreaterThan(0);
    for (const { output, answerer, scores } of provenance) {
      expect({ output, answerer, scores }).toMatchObject({
        output: "one of these",
        answerer: "teacher",
        scores: { grade: 1 },
      });
    }
    const reasons = linesOf(kept.get("rejected.jsonl")).map(
      ({ rejected }) => rejected as { filter: string; reason: string },
    );
    expect(reasons).toContainEqual({ filter: "failed", reason: "it is out" });
    expect(reasons).toContainEqual({ filter: "grade", reason: "its grade is 0, below 0.5" });
    expect(report.rounds.reduce((sum, { rejected }) => sum + (rejected.grade ?? 0), 0)).toBeGreaterThan(0);
  });

  it("leave perplexities to the job's own", async () => {
    const { kept } = await run({ settings: { filters: { perplexity: { max: 1e9 } } } });
    const scores = linesOf(kept.get("provenance.jsonl")).map(
      ({ scores: own }) => (own as { perplexity: number }).perplexity,
    );
    expect(scores.length).toBeGreaterThan(0);
    for (const score of scores) expect(score).toBeGreaterThanOrEqual(1);
    const none = await run({ settings: { filters: { perplexity: { max: 1 } }, max_kept: 1 } });
    expect(none.report.kept).toBe(0);
    expect(none.kept.has("synthetic.jsonl")).toBe(false);
  });
});

describe("what the report tells", () => {
  it("is contamination with the validation file", async () => {
    const validation = [
      {
        messages: [
          { role: "user", content: "red green blue one two three up down" },
          { role: "assistant", content: "no" },
        ],
      },
    ];
    const settings = { contamination_n: 2, filters: SHORT };
    const { report } = await run({ settings, validation });
    expect(report.contamination).toMatchObject({ n: 2, evaluation_file: "evaluation.jsonl", kept: report.kept });
    const filters = { ...SHORT, contamination: { n: 2 } };
    expect((await run({ settings: { ...settings, filters }, validation })).report.contamination!.contaminated).toBe(0);
  });
});

describe("what a job refuses", () => {
  it.each([
    [{ training: [{ prompt: "", completion: "x" }] }, "invalid_dataset", "training_file"],
    [{ settings: { shots: 4, max_tokens: 600 } }, "invalid_request", "method.synthesize.shots"],
  ])("%j", async (given, code, param) => {
    const error = await run(given).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TrimtabError);
    expect(error).toMatchObject({ code, param });
  });
});
