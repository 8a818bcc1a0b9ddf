import { describe, expect, it, vi } from "vitest";
import { ChosenSettings } from "../../../../shared/peft/presets.ts";
import { textsOfStep } from "../../../../trainer/recipes/keeping/rehearsal.ts";
import { TINY_FILES } from "../objectives/run-objective.ts";
import { keepingResumed, keepingRun, TEXTS } from "./keeping-run.ts";

vi.setConfig({ testTimeout: 120_000 });

describe("textsOfStep", () => {
  it("shows every text before any comes again, in another order each time", () => {
    const all = Array.from({ length: 8 }, (_, step) => textsOfStep({ step, perStep: 5, texts: 10, seed: 3 })).flat();
    for (const pass of [0, 1, 2, 3]) {
      expect(all.slice(10 * pass, 10 * (pass + 1)).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
    expect(all.slice(0, 10)).not.toEqual(all.slice(10, 20));
  });

  it("depends on the seed, and repeats texts where there are fewer than a step takes", () => {
    const of = (seed: number) => textsOfStep({ step: 2, perStep: 6, texts: 10, seed });
    expect(of(1)).not.toEqual(of(2));
    expect(textsOfStep({ step: 0, perStep: 7, texts: 3, seed: 1 }).slice(0, 6).sort()).toEqual([0, 0, 1, 1, 2, 2]);
  });
});

describe("a run with rehearsal", () => {
  const base = { rehearsal_file: "base", rehearsal_ratio: 0.5 };

  it("learns the old texts beside the new ones, and reports both losses apart", async () => {
    const alone = await keepingRun();
    const both = await keepingRun({ hyperparameters: base });
    const loss = (index: number) => both.steps.at(index)!.rehearsal_loss!;
    expect(loss(-1)).toBeLessThan(loss(0) - 0.2);
    expect(alone.steps[0]).not.toHaveProperty("rehearsal_loss");
    // Before the first update the job's own loss is what it is without, and its tokens are all that count.
    expect(both.steps[0]!.loss).toBeCloseTo(alone.steps[0]!.loss!, 6);
    expect(both.outcome.trainedTokens).toBe(alone.outcome.trainedTokens);
    const [kept, lost] = [both, alone].map(({ outcome }) => outcome.metrics["forgetting/text_loss_after"]!);
    expect(kept).toBeLessThan(lost! - 0.03);
    expect(both.messages).toContain(`Rehearsing 4 of ${TEXTS.length} texts a step, with the share 0.5 of its weight`);
  });

  it.each([
    ["lora with dropout", { type: "lora", r: 4, lora_dropout: 0.1 }],
    ["prompt", { type: "prompt", num_virtual_tokens: 3 }],
  ] as const)("resumes to the same bytes: %s", async (_, settings) => {
    const run = { hyperparameters: base, peft: ChosenSettings.parse(settings) };
    const [whole, resumed] = [await keepingRun(run), await keepingResumed(run, 5)];
    expect(resumed.files).toEqual(whole.files);
  });

  it("takes an uploaded file of texts or chats", async () => {
    const rehearsal = [
      { text: "A red door." },
      {
        messages: [
          { role: "user", content: "up" },
          { role: "assistant", content: "down" },
        ],
      },
    ];
    const { steps } = await keepingRun({
      hyperparameters: { rehearsal_file: "file-old", max_steps: 3 },
      changes: { rehearsal: rehearsal.map((line) => `${JSON.stringify(line)}\n`).join("") },
    });
    for (const { rehearsal_loss: loss } of steps) expect(loss).toBeGreaterThan(0);
  });

  it("refuses a base without texts of its own, and says what to do", async () => {
    const run = keepingRun({ hyperparameters: base, changes: { files: TINY_FILES } });
    await expect(run).rejects.toMatchObject({
      code: "invalid_request",
      param: "method.tested.hyperparameters.rehearsal_file",
      message: expect.stringContaining("upload a file of texts and send its id"),
    });
  });
});
