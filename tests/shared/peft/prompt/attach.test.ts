import { describe, expect, it } from "vitest";
import { EMBEDDING } from "../../../../shared/model/modules.ts";
import { attachPrompt, PROMPT, planPrompt } from "../../../../shared/peft/prompt/attach.ts";
import { PromptSettings } from "../../../../shared/peft/prompt/settings.ts";
import { NO_METHOD } from "../../../support/peft.ts";
import { goldenFile, gradientsOf, logitsOf, peftGolden } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const settingsOf = (given: object = {}) => PromptSettings.parse({ type: "prompt", ...given });
const plain = await peftGolden("prompt");
/** Letters are tokens from a = 0 on. */
const encode = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0) - 97);
const attach = (given: object = {}, seed = 1, { config, weights } = plain) =>
  attachPrompt({ config, weights, settings: settingsOf(given), seed, encode, param: "peft" });
const plan = (given: object = {}) => planPrompt({ config: plain.config, settings: settingsOf(given), param: "peft" });

describe("against peft", () => {
  it.each(["prompt", "prompt-qwen2"])("has the logits, the loss and the gradient of %s", async (name) => {
    const golden = await peftGolden(name);
    const method = attach({ num_virtual_tokens: golden.json.virtualTokens }, 1, golden);
    const values = goldenFile(name, "adapter_model.safetensors");
    expect([...values.keys()]).toEqual([PROMPT]);
    expect(largestDifference(await logitsOf(golden, method, values), golden.json.logits.data)).toBeLessThan(1e-4);
    // The loss counts the first token of the text too, which the last virtual token predicts.
    const { loss, gradients } = await gradientsOf(golden, method, values);
    expect(loss).toBeCloseTo(golden.json.loss, 4);
    const expected = goldenFile(name, "grads.safetensors").get(PROMPT)!;
    expect(largestDifference(gradients.get(PROMPT)!.data, expected.data)).toBeLessThan(1e-4);
  });
});

describe("planPrompt", () => {
  it("trains an embedding for each virtual token, and uses up their positions", () => {
    expect(plan({ num_virtual_tokens: 5 })).toEqual({
      parameters: [{ name: PROMPT, shape: [5, plain.config.hiddenSize], decay: true }],
      serving: { rank: 0, vectors: 0, columns: 0, positions: 5 },
      claims: ["virtual tokens"],
    });
    expect(plain.json.trainableParameters).toBe(5 * plain.config.hiddenSize);
  });

  it.each<[object, string, string]>([
    [{ num_virtual_tokens: 57 }, "num_virtual_tokens", "57 positions leave no room for text"],
    [
      { prompt_tuning_init: "TEXT" },
      "prompt_tuning_init_text",
      "`peft.prompt_tuning_init_text` is required when `prompt_tuning_init` is `TEXT`. Send the text to start from.",
    ],
    [
      { prompt_tuning_init: "RANDOM", prompt_tuning_init_text: "x" },
      "prompt_tuning_init_text",
      "`peft.prompt_tuning_init_text` has no effect when `prompt_tuning_init` is `RANDOM`. Remove it.",
    ],
  ])("refuses %j", (given, field, message) => {
    expect(() => plan(given)).toThrow(message);
    expect(() => plan(given)).toThrow(expect.objectContaining({ code: "invalid_request", param: `peft.${field}` }));
  });
});

describe("first values", () => {
  const { hiddenSize, vocabSize } = plain.config;
  const table = plain.weights.get(EMBEDDING)!.data;
  const rowOf = (id: number) => Array.from(table.subarray(id * hiddenSize, (id + 1) * hiddenSize));
  const rows = (given: object, seed = 1) => {
    const { data } = attach({ num_virtual_tokens: 7, ...given }, seed).initial.get(PROMPT)!;
    return Array.from({ length: 7 }, (_, at) => Array.from(data.subarray(at * hiddenSize, (at + 1) * hiddenSize)));
  };

  it("are embeddings of drawn tokens, others for another seed", () => {
    const known = new Set(Array.from({ length: vocabSize }, (_, id) => JSON.stringify(rowOf(id))));
    expect(rows({}).every((row) => known.has(JSON.stringify(row)))).toBe(true);
    expect(rows({ prompt_tuning_init: "SAMPLE_VOCAB" })).toEqual(rows({}));
    expect(rows({}, 2)).not.toEqual(rows({}));
  });

  it("are the embeddings of a text, repeated or cut", () => {
    const text = (given: string) => rows({ prompt_tuning_init: "TEXT", prompt_tuning_init_text: given });
    expect(text("abc")).toEqual([0, 1, 2, 0, 1, 2, 0].map(rowOf));
    expect(text("abcdefghi")).toEqual([0, 1, 2, 3, 4, 5, 6].map(rowOf));
    expect(() => text("aé")).toThrow("`peft.prompt_tuning_init_text` must be a text that the model's tokenizer");
  });

  it("are noise of variance 1", () => {
    const given = { prompt_tuning_init: "RANDOM", num_virtual_tokens: 50 };
    const { data } = attach(given).initial.get(PROMPT)!;
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
    expect(Math.abs(mean)).toBeLessThan(0.1);
    expect(Math.abs(variance - 1)).toBeLessThan(0.1);
  });

  it("of a text have the same effect as the text itself before the tokens", async () => {
    const method = attach({ num_virtual_tokens: 3, prompt_tuning_init: "TEXT", prompt_tuning_init_text: "cab" });
    expect(method.startsAsBase).toBe(false);
    const { inputIds } = plain.json;
    const [length, width] = [inputIds.shape[1], plain.config.vocabSize];
    const longer = [0, 1].flatMap((row) => [2, 0, 1, ...inputIds.data.slice(row * length, (row + 1) * length)]);
    const labels = longer.map(() => 0);
    const shape = [2, 3 + length] as const;
    const whole = {
      ...plain,
      json: { ...plain.json, inputIds: { shape, data: longer }, labels: { shape, data: labels } },
    };
    const expected = await logitsOf(whole, NO_METHOD);
    const tail = [0, 1].flatMap((row) => expected.slice((row * shape[1] + 3) * width, (row + 1) * shape[1] * width));
    expect(largestDifference(await logitsOf(plain, method, method.initial), tail)).toBeLessThan(1e-5);
  });
});
