import { describe, expect, it } from "vitest";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import type { EncodedText } from "../../../../trainer/recipes/steering-vector/contrast-texts.ts";
import { DIRECTIONS } from "../../../../trainer/recipes/steering-vector/directions.ts";
import {
  type LayerStatesOptions,
  readLayerStates,
  rowsOfTexts,
} from "../../../../trainer/recipes/steering-vector/layer-states.ts";
import { goldenBase } from "../../golden-llama.ts";
import { relativeError, STEERING_GOLDEN } from "./golden.ts";

const runtime = createOnnxRuntimeExecutor({ threads: 1 });
const { config, weights } = goldenBase();
const options: LayerStatesOptions = {
  ...{ config, weights, padId: 0 },
  positions: ["last", "mean"],
  onRead: () => undefined,
  yieldToEventLoop: async () => undefined,
};
const text = (ids: readonly number[], completion?: number): EncodedText => ({
  ids: Int32Array.from(ids),
  ...(completion === undefined ? {} : { completion }),
});

describe("readLayerStates", () => {
  it("gives the vectors that PyTorch's hooks give, to 1e-5, by either method", async () => {
    const texts = STEERING_GOLDEN.pairs.flat().map((ids) => text(ids));
    const states = await readLayerStates(runtime, texts, options);
    for (const { layer, position, ...expected } of STEERING_GOLDEN.vectors) {
      const place = { layer, position };
      const sides = {
        positive: rowsOfTexts(states, place, (at) => at % 2 === 0),
        negative: rowsOfTexts(states, place, (at) => at % 2 === 1),
      };
      for (const method of ["mean_difference", "pca"] as const) {
        expect(relativeError(DIRECTIONS[method](sides), expected[method].data)).toBeLessThan(1e-5);
      }
    }
    expect(relativeError(states.streamNorms, STEERING_GOLDEN.streamNorms)).toBeLessThan(1e-6);
    expect(STEERING_GOLDEN.vectors).toHaveLength(2 * config.layers);
  });

  it("averages over what follows the prompt", async () => {
    const ids = [4, 9, 3, 7];
    const places = [text(ids, 3), text(ids, 1), text([4]), text(ids, 0)];
    const states = await readLayerStates(runtime, places.slice(0, 2).concat(places.slice(3)), {
      ...options,
      positions: ["last", "mean", "completion"],
    });
    const at = (position: "last" | "mean" | "completion", one: number) =>
      rowsOfTexts(states, { position, layer: 1 }, (index) => index === one).data;
    expect(relativeError(at("completion", 0), at("last", 0))).toBe(0);
    expect(relativeError(at("completion", 1), at("mean", 1))).toBe(0);
    expect(relativeError(at("completion", 2), at("mean", 2))).toBeGreaterThan(0.1);
  });

  it("counts the texts that are read", async () => {
    const counts: number[] = [];
    await readLayerStates(runtime, [text([1]), text([2, 3])], { ...options, onRead: (read) => void counts.push(read) });
    expect(counts).toEqual([1, 2]);
  });

  it("refuses more texts than it holds at once", async () => {
    const wide = { ...config, hiddenSize: 1 << 20, layers: 64 };
    const texts = [1, 2, 3].map((id) => text([id]));
    await expect(readLayerStates(runtime, texts, { ...options, config: wide })).rejects.toMatchObject({
      code: "invalid_dataset",
      param: "training_file",
      message: expect.stringContaining("the files have 3 texts to compare, but at most 2 of a model of this size"),
    });
  });
});
