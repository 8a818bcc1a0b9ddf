import { describe, expect, it } from "vitest";
import { encodeManifest, type Manifest, parseManifest } from "../../../shared/delta/manifest.ts";
import { checkSteering, type SteeringFacts } from "../../../shared/delta/steering.ts";

const facts: SteeringFacts = {
  method: "pca",
  position: "completion",
  normalise: "none",
  layers: [{ layer: 1, norm: 2.5, relative_norm: 0.25 }],
  condition: { layer: 0, position: "mean", vector: [0.5, -1], threshold: -0.25, comparator: "below" },
};

const manifest: Manifest = {
  format: "trimtab.delta/1",
  base_model: "base",
  base_digest: "a".repeat(64),
  tokenizer_digest: "b".repeat(64),
  methods: ["steering_vector"],
  data_digests: [],
  metrics: {},
  parents: [],
  steering: facts,
  trainable_parameters: 2,
  created_at: 1,
  digest: "c".repeat(64),
};

describe("SteeringFacts", () => {
  it("goes through a manifest unchanged", () => {
    expect(parseManifest(encodeManifest(manifest)).steering).toEqual(facts);
  });

  it.each([
    ["steering.condition.threshold", { ...facts, condition: { ...facts.condition, threshold: 2 } }],
    ["steering.condition.vector", { ...facts, condition: { ...facts.condition, vector: [] } }],
    ["steering.layers", { ...facts, layers: [] }],
    ["steering.layers[0].norm", { ...facts, layers: [{ layer: 1, norm: 0, relative_norm: 1 }] }],
    ["steering.strength", { ...facts, strength: 2 }],
  ])("names %s of a manifest that is wrong", (field, steering) => {
    const bytes = new TextEncoder().encode(JSON.stringify({ ...manifest, steering }));
    expect(() => parseManifest(bytes)).toThrow(
      expect.objectContaining({ code: "invalid_delta", message: expect.stringContaining(`manifest.json: ${field} `) }),
    );
  });
});

describe("checkSteering", () => {
  it("checks the condition against the model", () => {
    checkSteering(facts, { layers: 2, hiddenSize: 2 });
    checkSteering({ ...facts, condition: undefined }, { layers: 1, hiddenSize: 9 });
    expect(() => checkSteering(facts, { layers: 2, hiddenSize: 3 })).toThrow("has a vector of 2 numbers");
  });
});
