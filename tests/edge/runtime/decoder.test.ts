import { describe, expect, it } from "vitest";
import type { Decoder, RowDeltas } from "../../../edge/runtime/decoder.ts";
import { Decoder as DecoderClass } from "../../../edge/runtime/decoder.ts";
import { DeltaBank } from "../../../edge/runtime/delta-bank.ts";
import { KvSlab } from "../../../edge/runtime/kv-slab.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import type { WeightSet } from "../../../edge/runtime/weight-set.ts";
import { WeightSet as WeightSetClass } from "../../../edge/runtime/weight-set.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { readWeights } from "../../../shared/model/weights.ts";
import plainConfig from "../../golden/llama/plain/config.json";
import plain from "../../golden/llama/plain/golden.json";
import plainFile from "../../golden/llama/plain/model.safetensors?url&inline";
import qwen2Config from "../../golden/llama/qwen2/config.json";
import qwen2 from "../../golden/llama/qwen2/golden.json";
import qwen2File from "../../golden/llama/qwen2/model.safetensors?url&inline";
import tiedConfig from "../../golden/llama/tied-sharded-bf16/config.json";
import tied from "../../golden/llama/tied-sharded-bf16/golden.json";
import shard1 from "../../golden/llama/tied-sharded-bf16/model-00001-of-00004.safetensors?url&inline";
import shard2 from "../../golden/llama/tied-sharded-bf16/model-00002-of-00004.safetensors?url&inline";
import shard3 from "../../golden/llama/tied-sharded-bf16/model-00003-of-00004.safetensors?url&inline";
import shard4 from "../../golden/llama/tied-sharded-bf16/model-00004-of-00004.safetensors?url&inline";
import { bytesOf } from "../support/stored-folder.ts";
import { largestDifference, mergedWeights, randomDelta, TINY, tinyParts } from "./tiny-model.ts";

const PROMPTS = [
  [5, 9, 2, 33, 17],
  [61, 3],
  [8, 8, 40, 21, 6, 7, 1, 50],
  [12, 30, 44],
];

/** Logits after the prompt and after each of `follow`, alone in slot `slot`. */
function alone(
  decoder: Decoder,
  weights: WeightSet,
  slot: number,
  prompt: number[],
  follow: number[],
  deltas: RowDeltas,
) {
  const results = [decoder.prefill(weights, { slot, tokens: prompt, start: 0, deltas }).slice()];
  follow.forEach((token, i) => {
    results.push(decoder.decode(weights, slot, [{ token, position: prompt.length + i, deltas }]).slice());
  });
  return results;
}

describe("the decoder", () => {
  it.each([
    { name: "plain", config: plainConfig, golden: plain, files: [plainFile] },
    // Heads 12 wide, which the kernels do not take.
    { name: "tied-sharded-bf16", config: tiedConfig, golden: tied, files: [shard1, shard2, shard3, shard4] },
    { name: "qwen2", config: qwen2Config, golden: qwen2, files: [qwen2File] },
  ])("gives transformers' logits, prefilling and decoding: $name", async ({ config, golden, files }) => {
    const model = parseModelConfig(config);
    const names = files.map((_, i) => `${i}.safetensors`);
    const read = async (name: string) => bytesOf(files[names.indexOf(name)]!);
    const ort = await loadOrtModule();
    const weights = new WeightSetClass(ort, await readWeights(model, { names, bytes: read }));
    const slab = new KvSlab(ort, model, { slots: 2, capacity: 32 });
    const decoder = new DecoderClass(ort, model, slab, new DeltaBank(ort, model, 4), { chunk: 16 });
    const [rows, tokens] = golden.inputIds.shape as [number, number];
    for (let row = 0; row < rows; row++) {
      const ids = golden.inputIds.data.slice(row * tokens, (row + 1) * tokens);
      const results = alone(decoder, weights, row, ids.slice(0, 4), ids.slice(4), []);
      for (const [i, logits] of results.entries()) {
        const at = (row * tokens + 3 + i) * model.vocabSize;
        expect(largestDifference(logits, golden.logits.data.slice(at, at + model.vocabSize))).toBeLessThan(1e-4);
      }
    }
  });

  it("gives every row of a mixed batch the logits that it has alone", async () => {
    const { decoder, weights, bank } = await tinyParts();
    const [a, b] = [randomDelta("a", 4), randomDelta("bb", 3)];
    bank.acquire(a);
    bank.acquire(b);
    const rows: RowDeltas[] = [
      [],
      [{ key: "a", weight: 1 }],
      [{ key: "bb", weight: 1 }],
      [
        { key: "a", weight: 0.5 },
        { key: "bb", weight: -1.5 },
      ],
    ];
    const follow = [3, 55, 20];
    const expected = rows.map((deltas, i) => alone(decoder, weights, 5, PROMPTS[i]!, follow, deltas));
    rows.forEach((deltas, slot) => {
      const logits = decoder.prefill(weights, { slot, tokens: PROMPTS[slot]!, start: 0, deltas });
      expect(largestDifference(logits, expected[slot]![0]!)).toBeLessThan(1e-5);
    });
    follow.forEach((token, step) => {
      const batch = rows.map((deltas, slot) => ({ token, position: PROMPTS[slot]!.length + step, deltas }));
      const logits = decoder.decode(weights, 0, batch);
      rows.forEach((_, slot) => {
        const row = logits.slice(slot * TINY.vocabSize, (slot + 1) * TINY.vocabSize);
        expect(largestDifference(row, expected[slot]![step + 1]!)).toBeLessThan(1e-5);
      });
    });
    const [base, tuned] = [expected[0]![1]!, expected[1]![1]!];
    expect(largestDifference(base, tuned)).toBeGreaterThan(1e-2);
  });

  it("applies deltas as if they were merged into the weights", async () => {
    const { ort, decoder, weights, bank } = await tinyParts();
    const deltas = [
      { delta: randomDelta("a", 4), weight: 0.7 },
      { delta: randomDelta("bb", 2), weight: -0.4 },
    ];
    for (const { delta } of deltas) bank.acquire(delta);
    const row = deltas.map(({ delta, weight }) => ({ key: delta.key, weight }));
    const banked = alone(decoder, weights, 0, PROMPTS[0]!, [1, 2], row);
    const merged = alone(decoder, new WeightSetClass(ort, mergedWeights(deltas)), 1, PROMPTS[0]!, [1, 2], []);
    banked.forEach((logits, i) => {
      expect(largestDifference(logits, merged[i]!)).toBeLessThan(1e-4);
    });
  });

  it("prefills in chunks exactly, beside rows that decode", async () => {
    const { decoder, weights } = await tinyParts();
    const prompt = PROMPTS[2]!;
    const whole = decoder.prefill(weights, { slot: 4, tokens: prompt, start: 0, deltas: [] }).slice();
    decoder.prefill(weights, { slot: 0, tokens: PROMPTS[0]!, start: 0, deltas: [] });
    decoder.prefill(weights, { slot: 1, tokens: prompt.slice(0, 3), start: 0, deltas: [] });
    // The unfinished row rides along in a step; what that writes is overwritten by its next chunk.
    decoder.decode(weights, 0, [
      { token: 1, position: PROMPTS[0]!.length, deltas: [] },
      { token: 0, position: 3, deltas: [] },
    ]);
    const chunked = decoder.prefill(weights, { slot: 1, tokens: prompt.slice(3), start: 3, deltas: [] });
    expect(largestDifference(chunked, whole)).toBeLessThan(1e-5);
  });

  it("keeps a delta that overflows from its neighbours", async () => {
    const { decoder, weights, bank } = await tinyParts();
    bank.acquire(randomDelta("huge", 2, 3e38));
    const base = alone(decoder, weights, 5, PROMPTS[1]!, [4], []);
    decoder.prefill(weights, { slot: 0, tokens: PROMPTS[1]!, start: 0, deltas: [] });
    decoder.prefill(weights, { slot: 1, tokens: PROMPTS[1]!, start: 0, deltas: [{ key: "huge", weight: 1 }] });
    const position = PROMPTS[1]!.length;
    const logits = decoder.decode(weights, 0, [
      { token: 4, position, deltas: [] },
      { token: 4, position, deltas: [{ key: "huge", weight: 1 }] },
    ]);
    expect(logits.slice(TINY.vocabSize).every(Number.isFinite)).toBe(false);
    expect(largestDifference(logits.slice(0, TINY.vocabSize), base[1]!)).toBeLessThan(1e-5);
  });
});
