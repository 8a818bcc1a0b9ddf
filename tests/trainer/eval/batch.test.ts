import { describe, expect, it } from "vitest";
import { logSumExp } from "../../../shared/decode/logits.ts";
import { Batch, type SamplingOptions } from "../../../trainer/eval/batch.ts";

const OPTIONS: SamplingOptions = { maxTokens: 3, isEnd: (token) => token === 0, temperature: 0 };
const logitsFor = (token: number) =>
  normalised(Float32Array.from({ length: 5 }, (_, id) => (id === token ? 9 : id / 10)));
const normalised = (logits: Float32Array) => logits.map((logit) => logit - logSumExp(logits));

function batchOf(rows: number, options: Partial<SamplingOptions> = {}): Batch {
  const batch = new Batch({ ...OPTIONS, ...options });
  for (let prompt = 0; prompt < rows; prompt++) batch.add({ prompt, sample: 0, tokens: [1, 2], length: 2 });
  return batch;
}

/** Retires what has ended, and gives it with the copies that were asked for. */
async function retire(batch: Batch) {
  const copies: number[][] = [];
  const retired = await batch.retire(async (from, to) => void copies.push([from, to]));
  return { retired, copies };
}

describe("Batch", () => {
  it("ends rows at a token that ends the text and at the most tokens, and fills their slots from behind", async () => {
    const batch = batchOf(4);
    batch.advance([1, 0, 2, 0].map(logitsFor));
    const first = await retire(batch);
    expect(first.copies).toEqual([[2, 1]]);
    expect(first.retired.map(({ prompt, result }) => [prompt, result.tokens, result.ended])).toEqual([
      [3, [0], true],
      [1, [0], true],
    ]);
    expect(batch.rows.map(({ prompt }) => prompt)).toEqual([0, 2]);
    batch.advance([3, 4].map(logitsFor));
    expect(await retire(batch)).toEqual({ retired: [], copies: [] });
    batch.advance([3, 0].map(logitsFor));
    const last = await retire(batch);
    expect(last.copies).toEqual([]);
    expect(last.retired.map(({ prompt, result }) => [prompt, result.tokens, result.ended])).toEqual([
      [2, [2, 4, 0], true],
      [0, [1, 3, 3], false],
    ]);
    expect(batch.rows).toEqual([]);
  });

  it("advances only the rows that have logits", () => {
    const batch = batchOf(2);
    batch.advance([logitsFor(3)], 1);
    expect(batch.rows.map(({ state }) => state.generated)).toEqual([[], [3]]);
  });

  it.each([
    { temperature: 0 },
    { temperature: 1, seed: 4 },
    { temperature: 0.5, seed: 4 },
    { temperature: 1, topP: 0.6, seed: 4 },
  ])("gives the very log-probabilities of the model itself, however a token was drawn: %o", async (options) => {
    const batch = batchOf(1, { ...options, maxTokens: 1 });
    const given = normalised(Float32Array.of(0.5, 1.5, 1, 0.2, 0.9));
    batch.advance([given]);
    const { tokens, logprobs } = (await retire(batch)).retired[0]!.result;
    expect(logprobs).toEqual([given[tokens[0]!]]);
  });

  it("leaves log-probabilities out where they are not wanted", async () => {
    const batch = batchOf(1, { logprobs: false, maxTokens: 1 });
    batch.advance([logitsFor(1)]);
    expect((await retire(batch)).retired[0]!.result).toEqual({ tokens: [1], logprobs: [], ended: false });
  });

  it("draws by seed, prompt and sample, and by nothing else", () => {
    const flat = new Float32Array(1000);
    const first = (seed: number, prompt: number, sample: number, slot = 0) => {
      const batch = batchOf(slot, { temperature: 1, seed });
      batch.add({ prompt, sample, tokens: [1], length: 1 });
      batch.advance([flat], slot);
      return batch.rows[slot]!.state.generated[0];
    };
    const drawn = first(1, 2, 3);
    expect(first(1, 2, 3, 5)).toBe(drawn);
    expect(new Set([drawn, first(2, 2, 3), first(1, 3, 3), first(1, 2, 4), first(1, 3, 2)]).size).toBe(5);
  });

  it.each([true, false])("refuses logits that are no numbers, log-probabilities wanted or not: %s", (logprobs) => {
    const batch = batchOf(2, { logprobs });
    expect(() => batch.advance([logitsFor(1), new Float32Array(5).fill(Number.NaN)])).toThrow(
      expect.objectContaining({
        code: "non_finite",
        message: "prompt 1: the model's logits after 0 tokens are not finite",
      }),
    );
  });
});
