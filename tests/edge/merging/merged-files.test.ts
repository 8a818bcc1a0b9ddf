import { describe, expect, it } from "vitest";
import { modelFiles } from "../../../edge/merging/merged-files.ts";
import { MergeDeltas } from "../../../shared/api/deltas.ts";
import { type CanonicalDelta, type CanonicalModule, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { throughNf4 } from "../../../shared/model/quantised-weights.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import { TINY_CONFIG, tinyBase } from "../support/tiny-base.ts";

const config = parseModelConfig(TINY_CONFIG);
const _request = (fields: object = {}) =>
  MergeDeltas.parse({ model: "base", deltas: [{ id: "a" }, { id: "b", weight: 2 }], ...fields });
const ones = (...shape: number[]): Tensor<"f32"> =>
  f32(shape, new Float32Array(shape.reduce((all, size) => all * size, 1)).fill(1));

const delta = (modules: Readonly<Record<string, CanonicalModule>>): CanonicalDelta => ({
  ...NO_DELTA,
  linears: new Map(Object.entries(modules)),
});
const source = (of: CanonicalDelta, manifest: object = {}) => ({
  digest: "d".repeat(64),
  manifest: manifest as never,
  delta: of,
});

describe("modelFiles", () => {
  const folder = tinyBase();
  const { weights } = loadModelFolder(folder);
  const base = { id: "tiny", config, weight: async (name: string) => weights.get(name)! };
  const reader = { names: [...folder.keys()], bytes: async (name: string) => folder.get(name)! };

  const changes = delta({ "layers.0.self_attn.q_proj": { a: ones(16, 1), b: ones(1, 16) } });
  const Q = "model.layers.0.self_attn.q_proj.weight";

  async function made(sources = [source(changes)]) {
    const whole = new Map<string, Uint8Array>();
    for (const [name, contents] of await modelFiles(changes, { sources, base, files: reader })) {
      if (contents instanceof Uint8Array) {
        whole.set(name, contents);
        continue;
      }
      expect(name).toBe("model.safetensors");
      const pieces: number[] = [];
      for await (const piece of contents()) pieces.push(...piece);
      whole.set(name, Uint8Array.from(pieces));
    }
    return loadModelFolder(whole);
  }

  it("takes the tokenizer over and makes the weights when they are asked for", async () => {
    const model = await made();
    expect(model.tokenizer.encode("ahoy")).toEqual(loadModelFolder(folder).tokenizer.encode("ahoy"));
    expect(model.weights.get(Q)!.data[5]).toBeCloseTo(weights.get(Q)!.data[5]! + 1, 6);
    expect(model.weights.get("model.norm.weight")).toEqual(weights.get("model.norm.weight"));
  });

  it("makes them from the weights in 4 bits where the deltas were trained on those", async () => {
    const form = (double: boolean) => ({
      base_quantization: { bnb_4bit_quant_type: "nf4", bnb_4bit_use_double_quant: double },
    });
    for (const double of [true, false]) {
      const sources = [source(changes, form(double)), source(changes, form(double))];
      const model = await made(sources);
      const through = throughNf4(config, { doubleQuantised: double });
      for (const [name, weight] of weights) {
        const expected = through(name, weight).data.map((value) => value + (name === Q ? 1 : 0));
        expect(model.weights.get(name)!.data, name).toEqual(expected);
      }
    }
    const mixed = [source(changes, form(true)), source(changes)];
    await expect(modelFiles(changes, { sources: mixed, base, files: reader })).rejects.toMatchObject({
      code: "invalid_request",
      param: "output",
      message: expect.stringContaining("trained on the base in different forms"),
    });
    const unlike = [source(changes, form(true)), source(changes, form(false))];
    await expect(modelFiles(changes, { sources: unlike, base, files: reader })).rejects.toThrow("different forms");
  });

  it("refuses what no weight can hold, and says which field to change", async () => {
    const prompted = { ...NO_DELTA, prompt: ones(2, 16) };
    await expect(modelFiles(prompted, { sources: [source(prompted)], base, files: reader })).rejects.toMatchObject({
      code: "invalid_request",
      param: "output",
      message:
        "`output` cannot be model here: the delta has virtual tokens (prompt tuning), which cannot be merged into the base's weights; serve it as a delta.",
    });
  });

  it("refuses to untie a head, which the base's graph does not have", async () => {
    const changes = delta({ lm_head: { a: ones(16, 1), b: ones(1, 259) } });
    await expect(modelFiles(changes, { sources: [source(changes)], base, files: reader })).rejects.toMatchObject({
      code: "invalid_request",
      param: "output",
      message: expect.stringContaining("the embedding of tiny is its head as well"),
    });
  });
});
