import { describe, expect, it, vi } from "vitest";
import { encodeCanonical, SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { readActivations } from "../../../trainer/recipes/read-activations.ts";
import { namedScorer } from "../../../trainer/rewards/named-scorer.ts";
import { loadRewardModel, rewardModelSource } from "../../../trainer/rewards/reward-model.ts";
import { settingsOf } from "../../support/peft.ts";
import { largestDifference } from "../golden-llama.ts";
import { rewardSettings, runRewardModel } from "../recipes/reward-model/run-reward-model.ts";
import { BASE, deltaOf, headOf, replyOf } from "./scoring-base.ts";

vi.setConfig({ testTimeout: 120_000 });

const REPLIES = [replyOf("say red:", " RED"), replyOf("hi", ""), replyOf("say one two:", " one two")];

async function statesOf(texts: readonly Int32Array[]): Promise<Float32Array[]> {
  const { config, weights, executor, yieldToEventLoop } = BASE;
  const found: Float32Array[] = [];
  const options = { config, weights, taps: ["final"], padId: 0, yieldToEventLoop };
  for await (const { index, length, states } of readActivations(executor, texts, options)) {
    found[index] = states.get("final")!.slice((length - 1) * config.hiddenSize, length * config.hiddenSize);
  }
  return found;
}

describe("a scorer of replies", () => {
  it("reads the prompt and the reply with its end, or its lead and the reply's text", async () => {
    const whole = namedScorer(await deltaOf(headOf("a", ["reward"])), BASE);
    const led = namedScorer(await deltaOf(headOf("a", ["reward"], [1, 2])), BASE);
    const unended = namedScorer(await deltaOf(headOf("a", ["reward"], [], false)), BASE);
    const [first, second, third] = [whole, led, unended].map((scorer) => scorer.states(REPLIES));
    const wholeIds = REPLIES.map(({ prompt, reply }) => Int32Array.from([...prompt, ...reply]));
    const ledIds = REPLIES.map(({ text }) => Int32Array.from([1, 2, ...BASE.tokenizer.encode(text)]));
    for (const [found, ids] of [
      [await first!, wholeIds],
      [await second!, ledIds],
      [await third!, wholeIds.map((own) => own.subarray(0, -1))],
    ] as const) {
      const expected = await statesOf(ids);
      for (const [i, state] of found.entries()) expect(largestDifference(state, expected[i]!)).toBeLessThan(1e-5);
    }
    expect(await whole.states([])).toEqual([]);
  });

  it("reads a text that encodes to more tokens than the reply had, and refuses one that the context has no room for", async () => {
    const lead = [1, 2, 3];
    const led = namedScorer(await deltaOf(headOf("a", ["reward"], lead)), BASE);
    const encoded = (text: string) => Int32Array.from([...lead, ...BASE.tokenizer.encode(text)]);
    // A reply of two tokens, as texts that are longer than any reply may be.
    const short = replyOf("hi", " one");
    const ofLength = (tokens: number) => {
      let text = "q";
      while (encoded(`${text} q`).length <= tokens) text += " q";
      return { ...short, text };
    };
    const { maxPositions } = BASE.config;
    const texts = [short, ofLength(BASE.maxLength + 1), ofLength(90), short, ofLength(maxPositions)];
    expect(encoded(texts[4]!.text).length).toBeGreaterThan(maxPositions - 2);
    const expected = await statesOf(texts.map(({ text }) => encoded(text)));
    for (const [i, state] of (await led.states(texts)).entries()) {
      expect(largestDifference(state, expected[i]!)).toBeLessThan(1e-5);
    }
    await expect(led.states([short, ofLength(maxPositions + 4)])).rejects.toMatchObject({
      code: "invalid_request",
      param: "reward.model",
      message: expect.stringMatching(/^`reward.model`: "judge" reads 3 tokens of its own .* context leaves \d+\. Let/),
    });
  });

  it("gives a trained model's own rewards, whatever methods it has", async () => {
    const training = ["red", "green", "one"].map((word) => {
      return `${JSON.stringify({ prompt: `say ${word}:`, chosen: ` ${word.toUpperCase()}`, rejected: ` ${word}` })}\n`;
    });
    const lora = settingsOf({ type: "lora", r: 2 });
    const prompt = settingsOf({ type: "prompt", num_virtual_tokens: 3 });
    for (const peft of [[lora], [prompt, lora], [settingsOf({ type: "prefix" } as never)]]) {
      const settings = rewardSettings({ max_steps: 20, batch_size: 3 }, { peft });
      const { outcome, steps } = await runRewardModel({ settings, training: training.join("") });
      const files = outcome.folder.files;
      const source = rewardModelSource(loadRewardModel({ name: "m", param: "reward.model", files }, BASE));
      const replies = ["red", "green", "one"].flatMap((word) =>
        [word.toUpperCase(), word].map((text) => replyOf(`say ${word}:`, ` ${text}`)),
      );
      const scored = (await source.score(replies)).map(({ reward }) => reward);
      const margins = [0, 2, 4].map((i) => scored[i]! - scored[i + 1]!);
      for (const margin of margins) expect(margin).toBeGreaterThan(0);
      // What training measured of the same pairs at its end.
      const mean = margins.reduce((sum, margin) => sum + margin, 0) / 3;
      expect(Math.abs(mean - outcome.metrics.valid_margin!)).toBeLessThan(1e-4 * Math.max(1, mean));
      expect(steps).toHaveLength(20);
    }
  });

  it("is refused if it is of another base, has no head, or leaves no room", async () => {
    const refusals = [
      [await deltaOf(headOf("a", ["reward"]), "d".repeat(64)), BASE, "was made for another base, tiny"],
      [
        await deltaOf(headOf("a", ["reward"])),
        { ...BASE, maxLength: BASE.config.maxPositions + 1 },
        "Lower `max_length`",
      ],
    ] as const;
    for (const [delta, base, message] of refusals) {
      expect(() => namedScorer(delta, base)).toThrow(
        expect.objectContaining({
          code: "invalid_request",
          param: "reward.model",
          message: expect.stringContaining(message),
        }),
      );
    }
    const delta = await deltaOf(headOf("a", ["reward"]));
    const width = BASE.config.hiddenSize;
    const bias = { shape: [width], data: new Float32Array(width), dtype: "f32" } as never;
    const linears = new Map([["layers.0.self_attn.o_proj", { bias }]]);
    const headless = encodeCanonical({ linears, bottlenecks: new Map() });
    const without = { ...delta, files: new Map([...delta.files, [SERVING_FILE, headless]]) };
    expect(() => namedScorer(without, BASE)).toThrow("has no scoring head");
    const torn = { ...delta, files: new Map([...delta.files].filter(([name]) => name !== SERVING_FILE)) };
    expect(() => namedScorer(torn, BASE)).toThrow(expect.objectContaining({ code: "corrupt_blob" }));
  });
});
