import { describe, expect, it } from "vitest";
import { JobReport } from "../../../shared/api/job-report.ts";
import { MANIFEST_FILE, parseManifest } from "../../../shared/delta/manifest.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import type { Question } from "../../../shared/graders/kind.ts";
import type { RecipeContext } from "../../../trainer/recipes/recipe.ts";
import { jsonl, linesOf, prompts, runConstitutional, stateAfter, WANTED } from "./constitutional/run-constitutional.ts";

const BY_GRADER = { judge: { type: "grader", grader: WANTED } } as const;
const usage = { prompt_tokens: 9, completion_tokens: 2, cached_tokens: 0, total_tokens: 11 };

/** A model of the API that repeats the end of what it is asked, and remembers what it was asked. */
function repeater(asked: Question[], label: (question: Question) => string = () => "A"): RecipeContext["ask"] {
  return async (question) => {
    asked.push(question);
    return { text: question.rule === undefined ? `revised ${asked.length}` : label(question), usage };
  };
}

describe("revise, with a grader", () => {
  it("trains on the best of several replies, and keeps every step as a file", async () => {
    const { outcome, kept, events } = await runConstitutional({ settings: { ...BY_GRADER, rounds: 2, candidates: 3 } });
    expect(outcome.folder.kind).toBe("delta");
    const { metrics } = outcome;
    expect(metrics).toMatchObject({ prompts: 20, replies: 20, prompts_left_out: 0, unreadable_answers: 0 });
    expect(metrics.score_after).toBeGreaterThan(metrics.score_before!);
    expect([...kept.keys()]).toEqual([
      ...["critiques.jsonl", "revisions.jsonl", "transcript.md", "training.jsonl"],
      ...["report.json", "report.html"],
    ]);
    const manifest = parseManifest(outcome.folder.files.get(MANIFEST_FILE)!);
    const trained = new TextEncoder().encode(kept.get("training.jsonl"));
    expect(manifest.data_digests).toEqual([await sha256Hex(trained)]);
    const revisions = linesOf(kept.get("revisions.jsonl"));
    expect(revisions).toHaveLength(40);
    for (const { after, scores, candidates, prompt } of revisions) {
      if (after === null) continue;
      const { before = 0, after: score } = scores as { before: number; after: number };
      expect(score).toBeGreaterThanOrEqual(before);
      expect(candidates).toHaveLength(3);
      expect(score === 1).toBe(
        (after as string).includes((prompt as { content: string }[])[0]!.content.split(" ")[0]!),
      );
    }
    const messages = events.map(({ message }) => message);
    expect(messages).toContain("Replies to 16 of 20 prompts written and judged");
    expect(messages.filter((message) => message.startsWith("Replies to 20 of 20"))).toHaveLength(1);
    expect(kept.get("transcript.md")).toContain("## Line 20 of the training file, reply 1");
    expect(messages.some((message) => message.startsWith("training.jsonl: "))).toBe(true);
  });

  it("killed while it writes, or while it trains, and resumed, it ends with the same bytes", async () => {
    const options = { settings: BY_GRADER, validation: jsonl(prompts(24).slice(20)) };
    const whole = await runConstitutional(options);
    // Two chunks of prompts, and three steps.
    for (const step of [1, 2, 3, 4]) {
      const checkpoint = await stateAfter(step, options);
      const resumed = await runConstitutional({ ...options, checkpoint });
      expect(resumed.digests).toEqual(whole.digests);
      expect([...resumed.kept]).toEqual([...whole.kept]);
    }
  });

  it("counts steps on through both parts", async () => {
    const steps: number[][] = [];
    await runConstitutional({
      settings: BY_GRADER,
      context: { afterStep: async ({ step, totalSteps }) => void steps.push([step, totalSteps]) },
    });
    expect(steps).toEqual([1, 2, 3, 4, 5].map((step) => [step, 5]));
  });
});

describe("with models of the API", () => {
  it("asks for a critique, then for a revision, and imitates the last one", async () => {
    const asked: Question[] = [];
    const settings = { judge: { type: "model", model: "critic" }, rounds: 2 };
    const { kept } = await runConstitutional({
      settings,
      training: jsonl(prompts(2)),
      context: { ask: repeater(asked) },
    });
    expect(asked).toHaveLength(8);
    expect(asked.every(({ model, at }) => model === "critic" && at === "method.constitutional.judge")).toBe(true);
    const [critique, , revision] = asked.map(({ messages }) => messages.at(-1)!.content);
    expect(critique).toContain("A person asked:\nred green");
    expect(revision).toContain("A critic says:\nrevised 1");
    const last = linesOf(kept.get("revisions.jsonl")).filter(({ round }) => round === 2);
    expect(last.map(({ after }) => after).sort()).toEqual(["revised 7", "revised 8"]);
  });

  it("asks nothing again after a kill, and ends with the same bytes", async () => {
    const settings = { judge: { type: "model", model: "critic" } };
    const whole: Question[] = [];
    const undisturbed = await runConstitutional({ settings, context: { ask: repeater(whole) } });
    // Five chunks of prompts, and three steps.
    for (const step of [1, 3, 6]) {
      const asked: Question[] = [];
      const ask = repeater(asked);
      const checkpoint = await stateAfter(step, { settings, context: { ask } });
      const resumed = await runConstitutional({ settings, checkpoint, context: { ask } });
      expect(asked).toEqual(whole);
      expect(resumed.digests).toEqual(undisturbed.digests);
    }
  });

  it("stops with the reason once too many answers are of no use", async () => {
    const failing: RecipeContext["ask"] = async () => ({ failure: "the model is loading" });
    await expect(
      runConstitutional({ settings: { judge: { type: "model", model: "critic" } }, context: { ask: failing } }),
    ).rejects.toMatchObject({
      code: "invalid_request",
      param: "method.constitutional.judge",
      message: expect.stringContaining("20 of 20 answers of the judge were unusable"),
    });
    const allowed = { judge: { type: "model", model: "critic" }, max_unreadable: 1 };
    await expect(runConstitutional({ settings: allowed, context: { ask: failing } })).rejects.toMatchObject({
      code: "invalid_dataset",
      param: "training_file",
    });
  });

  it("leaves out what has no usable revision, and counts it", async () => {
    let count = 0;
    const ask: RecipeContext["ask"] = async () => {
      count += 1;
      return { text: count % 4 === 0 ? " " : "fine", usage };
    };
    const settings = { judge: { type: "model", model: "critic" }, max_unreadable: 0.5 };
    const { outcome, events, kept } = await runConstitutional({ settings, context: { ask } });
    const { replies, without_revision: left, unreadable_answers: unreadable } = outcome.metrics;
    expect([replies, left]).toEqual([20, unreadable]);
    expect(left).toBeGreaterThan(0);
    expect(events.some(({ level, message }) => level === "warn" && message.includes("left out"))).toBe(true);
    const none = [...linesOf(kept.get("critiques.jsonl")), ...linesOf(kept.get("revisions.jsonl"))];
    expect(none.some(({ problem }) => problem === "the answer was empty")).toBe(true);
  });
});

describe("revise, by the model itself", () => {
  it("writes its own critiques and revisions", async () => {
    const settings = { max_unreadable: 1, constitution: { principles: [{ principle: "p" }] } };
    const { outcome, kept } = await runConstitutional({ settings });
    expect(outcome.metrics.replies).toBe(20);
    expect(linesOf(kept.get("critiques.jsonl")).some(({ critique }) => typeof critique === "string")).toBe(true);
  });
});

describe("preferences", () => {
  it("learns from the scores of a grader, and counts ties", async () => {
    const { outcome, kept } = await runConstitutional({ settings: { ...BY_GRADER, mode: "preferences", samples: 4 } });
    const { pairs, labelled, ties, same_text: same, unusable_replies: cut, unreadable_labels: none } = outcome.metrics;
    expect(pairs).toBe(40);
    expect(labelled).toBeGreaterThan(0);
    expect(labelled! + ties! + same! + cut! + none!).toBe(pairs);
    const labels = linesOf(kept.get("labels.jsonl"));
    for (const { scores, better } of labels) {
      if (better === null) continue;
      const { a, b } = scores as { a: number; b: number };
      expect(better).toBe(a > b ? "a" : "b");
    }
    expect(outcome.metrics["rewards/accuracies"] ?? 0).toBeGreaterThanOrEqual(0);
  });

  it("trains a reward model on the same labels", async () => {
    const { outcome, kept } = await runConstitutional({
      settings: { ...BY_GRADER, mode: "reward_model", samples: 4 },
      validation: jsonl(prompts(30).slice(20)),
    });
    const { scorer } = parseManifest(outcome.folder.files.get(MANIFEST_FILE)!);
    expect(scorer?.labels).toHaveLength(1);
    expect(outcome.metrics.labelled).toBeGreaterThan(0);
    expect([...kept.keys()]).toEqual(
      expect.arrayContaining(["labels.jsonl", "transcript.md", "training.jsonl", "validation.jsonl"]),
    );
  });

  it("by the model itself, is the mean over both orders", async () => {
    const { kept, outcome } = await runConstitutional({ settings: { mode: "preferences" } });
    const labels = linesOf(kept.get("labels.jsonl")).filter(({ probabilities }) => probabilities !== undefined);
    expect(labels.length).toBeGreaterThan(5);
    for (const { probabilities, better } of labels) {
      const { a_first, b_first, mean } = probabilities as Record<string, number>;
      expect(mean).toBeCloseTo((a_first! + b_first!) / 2, 12);
      expect(better).toBe(mean! > 0.5 ? "a" : "b");
    }
    expect(outcome.metrics.labelled).toBe(labels.length);
  });

  it("a judge of the API that always says A has no preference at all", async () => {
    const settings = { mode: "preferences", judge: { type: "model", model: "critic" } };
    const always = repeater([]);
    await expect(runConstitutional({ settings, context: { ask: always } })).rejects.toMatchObject({
      code: "invalid_dataset",
      message: expect.stringMatching(
        /there is nothing to train on: \d+ pairs of replies, 0 of them with a better one; left out: \d+ ties/,
      ),
    });
  });

  it("killed and resumed in either part, it ends with the same bytes", async () => {
    const longer = (question: Question) => {
      const text = question.messages.at(-1)!.content;
      const [a, b] = ["A", "B"].map((name) => new RegExp(`Reply ${name}:\n(.*)`).exec(text)![1]!.length);
      return a! >= b! ? "A" : "B";
    };
    const settings = { mode: "preferences", judge: { type: "model", model: "critic" }, samples: 4 };
    const run = { settings, context: { ask: repeater([], longer) } };
    const whole = await runConstitutional(run);
    expect(whole.outcome.metrics.labelled).toBeGreaterThan(0);
    for (const step of [2, 6]) {
      const resumed = await runConstitutional({ ...run, checkpoint: await stateAfter(step, run) });
      expect(resumed.digests).toEqual(whole.digests);
    }
  });
});

it.each(["revise", "preferences"])("ends with a report that the grader judges: %s", async (mode) => {
  const report = { prompts: 4, max_tokens: 8 };
  const grader = { ...WANTED, reference: "e" };
  const { kept } = await runConstitutional({ settings: { mode, judge: { type: "grader", grader }, report } });
  const { type, win_rate: win } = JobReport.parse(JSON.parse(kept.get("report.json")!));
  expect(type).toBe("constitutional");
  expect(win?.plain).not.toBeNull();
  expect(kept.get("report.html")).toContain("<html");
});

it("refuses more texts than it can keep, before it writes any", async () => {
  const many = { ...BY_GRADER, samples: 16, rounds: 8, candidates: 32 };
  await expect(runConstitutional({ settings: many, training: jsonl(prompts(60)) })).rejects.toMatchObject({
    code: "invalid_request",
    param: "training_file",
    message: expect.stringContaining("would write 246720 texts, 257 on each of 16 replies to 60 prompts"),
  });
});

it("says so where no prompt leaves room for a reply", async () => {
  await expect(runConstitutional({ settings: { ...BY_GRADER, max_tokens: 600 } })).rejects.toMatchObject({
    code: "invalid_dataset",
    param: "training_file",
    message: expect.stringMatching(/0 replies, .*; 20 prompts are left out, which leave no room for a reply/),
  });
});

it("refuses a grader that names a field which the lines do not have", async () => {
  const grader = { ...WANTED, reference: "{{item.missing}}" };
  await expect(runConstitutional({ settings: { judge: { type: "grader", grader } } })).rejects.toMatchObject({
    code: "invalid_request",
    param: "method.constitutional.judge.grader.reference",
  });
});
