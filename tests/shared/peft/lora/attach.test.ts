import { describe, expect, it } from "vitest";
import type { Graph } from "../../../../shared/graph/graph.ts";
import { linearModules } from "../../../../shared/model/modules.ts";
import { attachLora, loraScale } from "../../../../shared/peft/lora/attach.ts";
import { LoraSettings } from "../../../../shared/peft/lora/settings.ts";
import { elementCount } from "../../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { drawMasks } from "../../../../trainer/loop/random-masks.ts";
import { evaluationGraph, trainingGraph } from "../../../../trainer/recipes/causal-graphs.ts";
import {
  type GoldenTraining,
  goldenBase,
  goldenFactors,
  goldenFeeds,
  readGoldenJson,
} from "../../../trainer/golden-llama.ts";

const { config, weights } = goldenBase();
const shape = { rows: 2, tokens: 10 };
const settings = LoraSettings.parse({ type: "lora", r: 4, lora_alpha: 8 });
const attach = (changes: Partial<LoraSettings> = {}, seed = 1) =>
  attachLora({ config, weights, seed, settings: { ...settings, ...changes }, encode: () => [], param: "peft" });
const countMatmuls = (graph: Graph) => graph.nodes.filter(({ op }) => op === "matmul").length;

describe("attachLora", () => {
  it("trains r(in + out) numbers for each layer", () => {
    const expected = linearModules(config).reduce((sum, module) => sum + 4 * (module.in + module.out), 0);
    expect(attach().parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(expected);
  });

  it("draws A evenly from ±1/√in and leaves B at 0", () => {
    const { initial } = attach({ r: 16 });
    const a = Array.from(initial.get("layers.0.mlp.down_proj.lora_A")!.data);
    const bound = 1 / Math.sqrt(64);
    expect(a.every((value) => Math.abs(value) <= bound)).toBe(true);
    const variance = a.reduce((sum, value) => sum + value * value, 0) / a.length;
    expect(variance / (bound ** 2 / 3)).toBeCloseTo(1, 1);
    expect(initial.get("layers.0.mlp.down_proj.lora_B")!.data.every((value) => value === 0)).toBe(true);
  });

  it("draws the same for the same seed, another for each seed and layer", () => {
    const a = (seed: number, layer = 0) => attach({}, seed).initial.get(`layers.${layer}.self_attn.q_proj.lora_A`);
    expect(a(1)).toEqual(a(1));
    expect(a(2)).not.toEqual(a(1));
    expect(a(1, 1)).not.toEqual(a(1, 0));
  });

  it("scales by α/r, or α/√r for rsLoRA", () => {
    expect(loraScale({ ...settings, r: 16 })).toBe(0.5);
    expect(loraScale({ ...settings, r: 16, use_rslora: true })).toBe(2);
  });

  it("refuses a rank and modules that the model does not have", () => {
    expect(() => attach({ r: 10_000 })).toThrow("must be from 1 to 16, got 10000");
    expect(() => attach({ target_modules: "c_attn" })).toThrow("matches no linear layer");
  });

  it("never multiplies for the gradient of a frozen weight", () => {
    const method = attach();
    const { layers } = config;
    const forward = layers * (7 + 2) + 1;
    expect(countMatmuls(evaluationGraph({ config, method, shape }))).toBe(forward + 2 * 7 * layers);
    // The loss gives back one product for the head, four for the attention of each layer, one for the input of each frozen
    // linear, and for each pair of factors two weights and two inputs. Below the first layer's q, k and v nothing trains:
    // these three pass nothing on, neither through their weight nor through A.
    const backward = 1 + layers * (4 + 7 + 7 * 4) - 3 - 3;
    expect(countMatmuls(trainingGraph({ config, method, shape }))).toBe(forward + 2 * 7 * layers + backward);
  });
});

describe("dropout", () => {
  const method = attach({ lora_dropout: 0.5, target_modules: ["q_proj", "v_proj", "down_proj"] });

  it("asks for one mask per layer, of its input's shape, and for none at 0", () => {
    const inputs = method.randomInputs(shape);
    expect(inputs).toHaveLength(6);
    expect(inputs.find(({ name }) => name === "layers.1.mlp.down_proj.lora_dropout")).toEqual({
      name: "layers.1.mlp.down_proj.lora_dropout",
      shape: [2, 10, 64],
      probability: 0.5,
    });
    expect(attach().randomInputs(shape)).toEqual([]);
    const inputNames = ({ inputs }: Graph) => inputs.map(({ name }) => name).filter((name) => name.includes("dropout"));
    expect(inputNames(trainingGraph({ config, method, shape }))).toHaveLength(6);
    expect(inputNames(evaluationGraph({ config, method, shape }))).toEqual([]);
  });

  it("keeps the expected input: masks of ones scale by 1/(1−p), masks of zeros leave the base", async () => {
    const graph = trainingGraph({ config, method, shape });
    const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(graph, { bindings: weights });
    const golden = readGoldenJson<GoldenTraining>("lora/golden.json");
    const factors = goldenFactors("lora/adapter/adapter_model.safetensors");
    const zero = Object.fromEntries(
      [...factors].map(([name, { shape }]) => [
        `${name}#grad`,
        { dtype: "f32", shape, data: new Float32Array(elementCount(shape)) },
      ]),
    );
    const lossUnder = async (fill: number | undefined, values = factors) => {
      const masks = drawMasks(method.randomInputs(shape), { seed: 5, step: 0, micro: 0 });
      for (const { data } of Object.values(masks)) if (fill !== undefined) data.fill(fill as never);
      const { loss } = await program.run({
        ...goldenFeeds(golden),
        ...masks,
        ...(zero as Record<string, never>),
        ...Object.fromEntries(values),
      });
      return Number(loss!.data[0]);
    };
    // Doubling every kept input doubles s, which halving B undoes.
    const halved = new Map(
      [...factors].map(([name, value]) => [
        name,
        name.endsWith("lora_B") ? { ...value, data: value.data.map((x) => x / 2) } : value,
      ]),
    );
    expect(await lossUnder(1, halved)).toBeCloseTo(golden.loss, 4);
    const base = readGoldenJson<{ loss: number }>("lora/full.json").loss;
    expect(await lossUnder(0)).toBeCloseTo(base, 4);
    expect(Math.abs((await lossUnder(undefined)) - golden.loss)).toBeGreaterThan(1e-3);
    await program.dispose();
  });
});
