import { describe, expect, it } from "vitest";
import { loadModelFolder } from "../../../../shared/model/model-folder.ts";
import { ChosenSettings } from "../../../../shared/peft/presets.ts";
import { loadStartingModel } from "../../../../trainer/recipes/constitutional/starting-model.ts";
import type { RecipeJob } from "../../../../trainer/recipes/recipe.ts";
import { RECIPES } from "../../../../trainer/recipes/registry.ts";
import { quietContext } from "../objectives/run-objective.ts";
import { constitutionalJob, jsonl, wordModel } from "./run-constitutional.ts";

const SAMPLING = { samples: 2, maxTokens: 12, temperature: 1, topP: 1, seed: 4 };
const chat = (content: string) => ({ prompt: [{ role: "user", content } as const] });
const job = async (changes: Partial<RecipeJob> = {}) =>
  ({ ...(await constitutionalJob({})), ...changes }) as Parameters<typeof loadStartingModel>[0];

/** A model, of which what is said is disposed of. */
async function using<T>(
  given: Parameters<typeof loadStartingModel>[0],
  work: (model: Awaited<ReturnType<typeof loadStartingModel>>) => Promise<T>,
) {
  const model = await loadStartingModel(given, quietContext(), "method.constitutional");
  try {
    return await work(model);
  } finally {
    await model.dispose();
  }
}

describe("the model that a job starts from", () => {
  it("writes the same for the same seed, and nothing where there is no room", async () => {
    const long = chat("red green ".repeat(200));
    const [first, again, other] = await using(await job(), async (model) => [
      await model.write([chat("red green"), long, { prompt: "red" }], SAMPLING),
      await model.write([chat("red green"), long, { prompt: "red" }], SAMPLING),
      await model.write([chat("red green")], { ...SAMPLING, seed: 5 }),
    ]);
    expect(again).toEqual(first);
    expect(first!.map(({ length }) => length)).toEqual([2, 0, 2]);
    expect(other![0]).not.toEqual(first![0]);
    // The template shows no tools.
    const refused = { ...chat("red"), tools: [{ type: "function", function: { name: "f" } }] };
    expect(await using(await job(), (model) => model.write([refused], SAMPLING))).toEqual([[]]);
    for (const { text } of first![0]!) expect(text).toBe(text.trim());
  });

  it("finds its own greedy answer likelier than others, by all of their tokens, together as alone", async () => {
    const greedy = { ...SAMPLING, samples: 1, temperature: 0 };
    const prompts = ["red green", "one", "up down up down up down"].map(chat);
    await using(await job(), async (model) => {
      const written = await model.write(prompts, greedy);
      const own = written.map(([text]) => text!);
      expect(own.map(({ ended }) => ended)).toEqual([true, true, true]);
      const answers = [...own.map(({ text }) => text), "zebra", "42 and more"];
      const { tokenizer } = loadModelFolder(await wordModel());
      expect(Math.max(...answers.map((answer) => tokenizer.encode(answer).length))).toBeGreaterThan(1);
      const together = await model.logProbabilities(prompts, answers);
      for (const [at, scores] of together.entries()) {
        for (const odd of scores!.slice(3)) expect(scores![at]!).toBeGreaterThan(odd);
        for (const score of scores!) expect(score).toBeLessThan(0);
      }
      const alone = await model.logProbabilities(prompts.slice(1, 2), answers.slice(3, 4));
      expect(alone[0]![0]!).toBeCloseTo(together[1]![3]!, 4);
      expect(await model.logProbabilities([chat("red green ".repeat(300))], ["A"])).toEqual([null]);
    });
  });

  it("is the tuned model where the job continues from one, however it goes on", async () => {
    const files = await wordModel();
    const chats = Array.from({ length: 40 }, () => ({
      messages: [...chat("red green").prompt, { role: "assistant", content: "blue" }],
    }));
    const made = await constitutionalJob({ training: jsonl(chats) });
    const peft = [
      ChosenSettings.parse({ type: "lora", r: 8, target_modules: "all-linear" }),
      ChosenSettings.parse({ type: "prefix", num_virtual_tokens: 4 }),
    ];
    const settings = {
      hyperparameters: {
        n_epochs: 1,
        batch_size: 8,
        learning_rate_multiplier: "auto",
        learning_rate: 0.02,
        max_steps: 60,
      },
      peft,
    };
    const { folder } = await RECIPES.supervised(
      { ...made, type: "supervised", settings: settings as never },
      quietContext(),
    );
    const parent = { kind: "delta", digest: "d".repeat(64), files: folder.files } as const;
    const write = async (given: Partial<RecipeJob>) =>
      (
        await using(await job(given), (model) => model.write([chat("red green")], { ...SAMPLING, temperature: 0 }))
      )[0]![0]!.text;
    const base = { id: "tiny", digest: "b".repeat(64), files };
    expect(await write({ base })).not.toBe("blue");
    // Weights cannot hold a prefix, which only goes on as an adapter.
    await expect(write({ base, parent })).rejects.toMatchObject({ code: "invalid_request", param: "model" });
    const goesOn = { base, parent: { ...parent, continueWith: "adapter" as const }, settings: settings as never };
    expect(await write(goesOn)).toBe("blue");
  });

  it("refuses a longest text beyond the context, by its field", async () => {
    const settings = { hyperparameters: { max_length: 4096 }, peft: { type: "lora" } };
    await expect(using(await job({ settings: settings as never }), async () => undefined)).rejects.toMatchObject({
      code: "invalid_request",
      param: "method.constitutional.hyperparameters.max_length",
    });
  });
});
