import { describe, expect, it } from "vitest";
import { matrix } from "../../../../shared/linalg/matrix.ts";
import {
  chosenLayers,
  layerMetrics,
  measureLayer,
  steeringFacts,
} from "../../../../trainer/recipes/steering-vector/choose-layers.ts";

const parts = [[0], [1]];
const SIDES = { positive: matrix(2, 2, Float64Array.of(3, 4, 3, 4)), negative: matrix(2, 2) };
const FLAT = { positive: matrix(2, 2), negative: matrix(2, 2) };
const measure = (layer: number, normalise: "none" | "unit" | "stream" = "none", sides = SIDES) =>
  measureLayer(layer, sides, { settings: { method: "mean_difference", normalise }, parts, streamNorm: 20 });

describe("measureLayer", () => {
  it.each([
    ["none", [3, 4], 5],
    ["unit", [0.6, 0.8], 1],
    ["stream", [12, 16], 20],
  ] as const)("gives the vector the length that `%s` asks for", (normalise, vector, norm) => {
    const found = measure(1, normalise);
    expect([...found.vector]).toEqual(vector);
    expect(found).toMatchObject({ layer: 1, norm, relativeNorm: norm / 20, auc: 1, accuracy: 1 });
  });

  it("leaves a zero vector zero", () => {
    expect(measure(0, "unit", FLAT)).toMatchObject({ norm: 0, relativeNorm: 0, auc: 0.5 });
  });
});

describe("chosenLayers", () => {
  const found = [measure(0, "none", FLAT), { ...measure(1), auc: 0.8 }, { ...measure(2), auc: 0.9 }, measure(3)];
  const layers = (of: "auto" | number | number[]) =>
    chosenLayers(found, { layers: of, position: "last" }).map(({ layer }) => layer);

  it("takes the settings' layers, or the one of all but the last that separates best", () => {
    expect(layers("auto")).toEqual([2]);
    expect(layers(1)).toEqual([1]);
    expect(layers([2, 3])).toEqual([2, 3]);
    expect(chosenLayers([measure(0)], { layers: "auto", position: "last" })).toHaveLength(1);
  });

  it("refuses a layer where the sides do not differ, by its number", () => {
    for (const of of [0, [1, 0]]) {
      expect(() => layers(of)).toThrow(
        expect.objectContaining({
          code: "invalid_dataset",
          param: "training_file",
          message: expect.stringContaining("do not differ after layer 0 at the position `last`"),
        }),
      );
    }
    expect(() => chosenLayers([found[0]!], { layers: "auto", position: "mean" })).toThrow("layer 0");
  });
});

describe("layerMetrics and steeringFacts", () => {
  it("give every layer's numbers, and those of the chosen ones", () => {
    const found = [measure(0), measure(1, "stream")];
    expect(layerMetrics(found)).toMatchObject({ "layers.0/auc": 1, "layers.0/norm": 5, "layers.1/relative_norm": 1 });
    expect(Object.keys(layerMetrics(found))).toHaveLength(10);
    const settings = { layers: 1, method: "pca", position: "mean", normalise: "stream" } as const;
    expect(steeringFacts([found[1]!], settings)).toEqual({
      ...{ method: "pca", position: "mean", normalise: "stream" },
      layers: [{ layer: 1, norm: 20, relative_norm: 1 }],
    });
  });
});
