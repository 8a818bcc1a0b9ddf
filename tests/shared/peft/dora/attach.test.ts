import { describe, expect, it } from "vitest";
import type { Graph } from "../../../../shared/graph/graph.ts";
import { linearModules, weightName } from "../../../../shared/model/modules.ts";
import { attachDora, magnitudeName, planDora } from "../../../../shared/peft/dora/attach.ts";
import { DoraSettings } from "../../../../shared/peft/dora/settings.ts";
import { attachLora } from "../../../../shared/peft/lora/attach.ts";
import { elementCount, f32, type Tensor } from "../../../../shared/tensor.ts";
import { drawMasks } from "../../../../trainer/loop/random-masks.ts";
import { evaluationGraph, trainingGraph } from "../../../../trainer/recipes/causal-graphs.ts";
import { NO_METHOD } from "../../../support/peft.ts";
import { goldenFile, gradientsOf, logitsOf, type PeftGolden, peftGolden } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";
import { type GoldenDora, goldenSettings, graphTensors } from "./golden.ts";

const plain = await peftGolden("dora");
const patterns = await peftGolden("dora-rslora-patterns");
const qwen = await peftGolden("dora-qwen2");
const { config } = plain;
const param = "method.supervised.peft";

function attach(golden: PeftGolden, name: GoldenDora, changes: Partial<DoraSettings> = {}, seed = 1) {
  const settings = { ...goldenSettings(name), ...changes };
  return attachDora({ config: golden.config, weights: golden.weights, seed, settings, encode: () => [], param });
}
const trained = (name: GoldenDora) => graphTensors(goldenFile(name, "adapter_model.safetensors"));
const countMatmuls = (graph: Graph) => graph.nodes.filter(({ op }) => op === "matmul").length;

describe("planDora", () => {
  it("trains r(in + out) + out numbers for each layer, as peft counts them", () => {
    const plan = planDora({ config, settings: goldenSettings("dora"), param });
    expect(plan.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(
      plain.json.trainableParameters,
    );
    const outs = linearModules(config).filter(({ path }) => /(q|v|down|up)_proj$/.test(path));
    const vectors = outs.reduce((sum, { out }) => sum + out, 0);
    expect(plan.serving).toEqual({ rank: 3, vectors, columns: 0, positions: 0 });
  });

  it("counts ranks by pattern, and serves the largest", () => {
    const plan = planDora({ config, settings: goldenSettings("dora-rslora-patterns"), param });
    expect(plan.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(
      patterns.json.trainableParameters,
    );
    expect(plan.serving.rank).toBe(3);
  });

  it("never decays a magnitude, and trains it as fast as B under LoRA+", () => {
    const { parameters } = planDora({ config, settings: goldenSettings("dora"), param });
    for (const { name, decay, rate } of parameters) {
      expect([decay, rate]).toEqual([!name.endsWith("magnitude_vector"), undefined]);
    }
    const faster = planDora({ config, settings: { ...goldenSettings("dora"), loraplus_lr_ratio: 4 }, param });
    for (const { name, rate } of faster.parameters) expect(rate).toBe(name.endsWith("lora_A") ? undefined : 4);
  });

  it.each<[Partial<DoraSettings>, string, string]>([
    [{ r: 99 }, "r", "must be from 1 to 16, got 99"],
    [{ target_modules: ["c_attn"] }, "target_modules", "matches no linear layer"],
    [{ target_modules: ["q_proj", "embed_tokens"] }, "target_modules", "dora cannot train embed_tokens"],
    [{ target_modules: ".*" }, "target_modules", "dora cannot train embed_tokens"],
    [{ exclude_modules: "o_proj" }, "exclude_modules", "`o_proj` matches none of the targeted layers"],
    [{ rank_pattern: { o_proj: 2 } }, "rank_pattern", "`o_proj` is not the first match for any targeted layer"],
    [{ layers_to_transform: 9 }, "layers_to_transform", "there is no block 9"],
  ])("refuses %j", (changes, field, message) => {
    const plan = () => planDora({ config, settings: { ...goldenSettings("dora"), ...changes }, param });
    expect(plan).toThrow(message);
    expect(plan).toThrow(expect.objectContaining({ code: "invalid_request", param: `${param}.${field}` }));
  });

  it.each<[object, string]>([
    [{ r: 0 }, "r"],
    [{ lora_alpha: -1 }, "lora_alpha"],
    [{ lora_dropout: 1 }, "lora_dropout"],
    [{ use_rslora: 1 }, "use_rslora"],
    [{ target_modules: [] }, "target_modules"],
    [{ loraplus_lr_ratio: 0 }, "loraplus_lr_ratio"],
  ])("takes no settings like %j", (given, field) => {
    expect(DoraSettings.safeParse({ type: "dora", ...given }).error!.issues[0]!.path).toEqual([field]);
    expect(DoraSettings.safeParse({ type: "dora", use_dora: true }).error!.issues[0]).toMatchObject({
      code: "unrecognized_keys",
      keys: ["use_dora"],
    });
  });
});

describe("attachDora", () => {
  it("starts as LoRA does, with the weights' own lengths, and is exactly the base", async () => {
    const method = attach(plain, "dora");
    const settings = { ...goldenSettings("dora"), type: "lora" } as const;
    const { weights } = plain;
    const lora = attachLora({ config, weights, seed: 1, settings, encode: () => [], param });
    for (const [name, value] of lora.initial) expect(method.initial.get(name)).toEqual(value);
    const path = "layers.1.mlp.up_proj";
    const { shape, data } = weights.get(weightName(path))!;
    method.initial.get(magnitudeName(path))!.data.forEach((m, j) => {
      const column = Array.from({ length: shape[0]! }, (_, i) => data[i * shape[1]! + j]!);
      expect(m).toBeCloseTo(Math.hypot(...column), 5);
    });
    expect(method.startsAsBase).toBe(true);
    expect(await logitsOf(plain, method, method.initial)).toEqual(await logitsOf(plain, NO_METHOD));
  });

  it.each<[GoldenDora, PeftGolden]>([
    ["dora", plain],
    ["dora-rslora-patterns", patterns],
    ["dora-qwen2", qwen],
  ])("has peft's logits, loss and gradients: %s", async (name, golden) => {
    const method = attach(golden, name);
    const logits = await logitsOf(golden, method, trained(name));
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
    const { loss, gradients } = await gradientsOf(golden, method, trained(name));
    expect(loss).toBeCloseTo(golden.json.loss, 4);
    const expected = graphTensors(goldenFile(name, "grads.safetensors"));
    expect([...expected.keys()].sort()).toEqual([...gradients.keys()].sort());
    for (const [parameter, { data }] of expected) {
      expect(largestDifference(gradients.get(parameter)!.data, data), parameter).toBeLessThan(1e-4);
    }
  });

  it("never multiplies for the gradient of a frozen weight or through the norm", () => {
    const shape = { rows: 2, tokens: 5 };
    const settings = goldenSettings("dora");
    const target_modules = "all-linear";
    const lora = attachLora({
      ...{ config, weights: plain.weights, seed: 1, encode: () => [], param },
      settings: { ...settings, type: "lora", target_modules },
    });
    const dora = attach(plain, "dora", { target_modules });
    // Each norm takes one product with the weight and two with the factors, and no gradient.
    const more = 3 * linearModules(config).length;
    for (const graph of [evaluationGraph, trainingGraph]) {
      const of = (method: typeof lora) => countMatmuls(graph({ config, method, shape }));
      expect(of(dora)).toBe(of(lora) + more);
    }
  });
});

describe("dropout", () => {
  const path = "layers.0.self_attn.q_proj";
  const method = attach(plain, "dora", { lora_dropout: 0.5, target_modules: [path] });
  const shape = { rows: 2, tokens: 5 };
  const [mask] = method.randomInputs(shape);

  it("needs one mask per layer, of its input's shape, and none at 0", () => {
    expect(method.randomInputs(shape)).toEqual([
      { name: `${path}.lora_dropout`, shape: [2, 5, config.hiddenSize], probability: 0.5 },
    ]);
    expect(attach(plain, "dora").randomInputs(shape)).toEqual([]);
  });

  it("scales the product with the dropped-out input separately from that with the whole input", async () => {
    const values = new Map([...trained("dora")].filter(([name]) => name.startsWith(path)));
    const under = async (fill: (i: number) => number, of: ReadonlyMap<string, Tensor> = values) => {
      const drawn = drawMasks([mask!], { seed: 1, step: 0, micro: 0 })[mask!.name]!;
      const data = Uint8Array.from(drawn.data as Uint8Array, (_, i) => fill(i));
      return (await gradientsOf(plain, method, of, { [mask!.name]: { ...drawn, data } as Tensor })).loss;
    };
    const evaluated = async (
      of: ReadonlyMap<string, Tensor>,
      other = attach(plain, "dora", { target_modules: [path] }),
    ) => (await gradientsOf(plain, other, of)).loss;
    // Nothing kept: y = xW. The factors and the magnitude have no part in it.
    const bare = (await gradientsOf(plain, attach(plain, "dora"), attach(plain, "dora").initial)).loss;
    expect(await under(() => 0)).toBeCloseTo(bare, 5);
    expect(await evaluated(values)).not.toBeCloseTo(bare, 2);
    // Everything kept, twice as large: y = xW + 2(g − 1) ⊙ xW + 2g ⊙ s(xA)B, which is a LoRA of twice the strength where g = 1.
    const unit = await magnitudesOfNorms(values);
    const twice = attach(plain, "dora", { target_modules: [path], lora_alpha: 2 * goldenSettings("dora").lora_alpha });
    expect(await under(() => 1, unit)).toBeCloseTo(await evaluated(await magnitudesOfNorms(values, 2), twice), 5);
    expect(await under(() => 1, unit)).not.toBeCloseTo(await evaluated(unit), 3);
    // B = 0 leaves y = xW + 2(g − 1) ⊙ xW: with g = 1.25 that is 1.5 xW.
    const flat = (factor: number) =>
      new Map(
        [...attach(plain, "dora", { target_modules: [path] }).initial].map(([name, { shape: size, data }]) => [
          name,
          f32(size, name === magnitudeName(path) ? data.map((value) => value * factor) : data),
        ]),
      );
    expect(await under(() => 1, flat(1.25))).toBeCloseTo(await evaluated(flat(1.5)), 5);
  });

  /** The values with m = ‖W + f·sAB‖, for which g is 1 where the scale is f·s. */
  async function magnitudesOfNorms(values: ReadonlyMap<string, Tensor<"f32">>, factor = 1) {
    const { shape: size, data } = plain.weights.get(weightName(path))!;
    const [a, b] = [values.get(`${path}.lora_A`)!, values.get(`${path}.lora_B`)!];
    const [inSize, out] = size as [number, number];
    const norms = Array.from({ length: out }, (_, j) =>
      Math.hypot(
        ...Array.from({ length: inSize }, (_, i) => {
          const product = [0, 1, 2].reduce((sum, k) => sum + a.data[i * 3 + k]! * b.data[k * out + j]!, 0);
          return data[i * out + j]! + factor * 2 * product;
        }),
      ),
    );
    return new Map([...values, [magnitudeName(path), f32([out], norms)]]);
  }
});
