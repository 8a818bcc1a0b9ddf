import { describe, expect, it } from "vitest";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { Generator } from "../../../trainer/eval/generator.ts";
import { GOLDEN_MODELS, goldenModel, goldenOutputs } from "../../shared/model/golden-models.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const never = () => false;

describe("Generator", { timeout: 30_000 }, () => {
  it.each(GOLDEN_MODELS)(
    "continues as transformers' greedy generation does: %s",
    async (name) => {
      const { inputIds, greedy } = goldenOutputs(name);
      const [rows, tokens] = inputIds.shape;
      const length = greedy.shape[1];
      const generator = await Generator.create(executor, await goldenModel(name), tokens + length);
      for (let row = 0; row < rows; row++) {
        const prompt = inputIds.data.slice(row * tokens, (row + 1) * tokens);
        expect(await generator.greedy(prompt, { maxTokens: length, isEnd: never })).toEqual({
          tokens: greedy.data.slice(row * length, (row + 1) * length),
          ended: false,
        });
      }
      await generator.dispose();
    },
    30_000,
  );

  it("stops at a token that ends the text, without it", async () => {
    const { inputIds, greedy } = goldenOutputs("plain");
    const generator = await Generator.create(executor, await goldenModel("plain"), 18);
    const prompt = inputIds.data.slice(0, 10);
    const end = greedy.data[3]!;
    const first = greedy.data.indexOf(end);
    const { tokens, ended } = await generator.greedy(prompt, { maxTokens: 8, isEnd: (token) => token === end });
    expect([tokens, ended]).toEqual([greedy.data.slice(0, first), true]);
    await generator.dispose();
  });

  it("refuses what does not fit before it runs", async () => {
    const generator = await Generator.create(executor, await goldenModel("plain"), 12);
    await expect(generator.greedy([1, 2, 3, 4, 5], { maxTokens: 8, isEnd: never })).rejects.toMatchObject({
      code: "context_length_exceeded",
      message: "5 prompt tokens and 8 more do not fit the generator's 12",
    });
    expect((await generator.greedy([1, 2, 3, 4, 5], { maxTokens: 7, isEnd: never })).tokens).toHaveLength(7);
    await generator.dispose();
  });
});
