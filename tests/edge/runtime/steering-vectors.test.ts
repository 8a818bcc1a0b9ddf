/** Serves steering vectors as deltas with weights, and compares with the logits of a hook that adds them to a layer's output. */
import { describe, expect, it } from "vitest";
import { Decoder } from "../../../edge/runtime/decoder.ts";
import { DeltaArena } from "../../../edge/runtime/delta-arena.ts";
import { KvSlab } from "../../../edge/runtime/kv-slab.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { RowVectors } from "../../../edge/runtime/row-vectors.ts";
import { rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { WeightSet } from "../../../edge/runtime/weight-set.ts";
import { NO_DELTA } from "../../../shared/delta/canonical.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { readWeights } from "../../../shared/model/weights.ts";
import { f32 } from "../../../shared/tensor.ts";
import baseConfig from "../../golden/llama/plain/config.json";
import baseWeights from "../../golden/llama/plain/model.safetensors?url&inline";
import golden from "../../golden/steering-vector/golden.json";
import { bytesOf } from "../support/stored-folder.ts";
import { largestDifference } from "./tiny-model.ts";

const config = parseModelConfig(baseConfig);

function deltaOf(layer: number) {
  const vector = golden.vectors.find((one) => one.layer === layer && one.position === "last")!.mean_difference.data;
  const bias = f32([vector.length], Float32Array.from(vector));
  return { ...NO_DELTA, linears: new Map([[`layers.${layer}.mlp.down_proj`, { bias }]]) };
}

describe("a steering vector", () => {
  it("at its strength gives the hook's logits, beside others in one batch", async () => {
    const ort = await loadOrtModule();
    const weights = await readWeights(config, {
      names: ["model.safetensors"],
      bytes: async () => bytesOf(baseWeights),
    });
    const slots = golden.steered.length;
    const slab = new KvSlab(ort, config, { slots, capacity: 24 });
    const arena = new DeltaArena(ort, config, { slots, rowsCost: () => 0, floats: 100_000 });
    const decoder = new Decoder(
      ort,
      config,
      { slab, arena, vectors: new RowVectors(ort, config, slots) },
      { chunk: 16 },
    );
    const set = new WeightSet(ort, weights);
    decoder.arrange(
      golden.steered.map(({ layer, strength }) =>
        rowDeltas([{ delta: servingDelta(`layer ${layer}`, deltaOf(layer)), weight: strength }]),
      ),
    );
    const [first, ...others] = golden.ids;
    const got = golden.steered.map((_, slot) => [
      ...decoder.prefill(set, { slot, start: 0, virtual: 0, tokens: [first!] }),
    ]);
    for (const [at, token] of others.entries()) {
      const logits = decoder.decode(
        set,
        0,
        golden.steered.map(() => ({ token, position: at + 1 })),
      );
      for (const [slot, all] of got.entries()) {
        all.push(...logits.subarray(slot * config.vocabSize, (slot + 1) * config.vocabSize));
      }
    }
    for (const [slot, { logits }] of golden.steered.entries()) {
      expect(largestDifference(got[slot]!, logits.data)).toBeLessThan(1e-5);
    }
  });
});
