import { describe, expect, it } from "vitest";
import type { Graph } from "../../../../shared/graph/graph.ts";
import { attachBottleneck, planBottleneck } from "../../../../shared/peft/bottleneck/attach.ts";
import { BottleneckSettings } from "../../../../shared/peft/bottleneck/settings.ts";
import { elementCount, type Tensor, tensor } from "../../../../shared/tensor.ts";
import { evaluationGraph, trainingGraph } from "../../../../trainer/recipes/causal-graphs.ts";
import { NO_METHOD } from "../../../support/peft.ts";
import { gradientsOf, logitsOf } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../../trainer/golden-llama.ts";
import { bottleneckGolden, GOLDEN_NAMES, goldenTensorsOf, settingsFor } from "./golden-bottlenecks.ts";

const goldens = new Map(
  await Promise.all(GOLDEN_NAMES.map(async (name) => [name, await bottleneckGolden(name)] as const)),
);
const { config, weights } = goldens.get("houlsby")!;
const param = "method.supervised.peft";
const settingsOf = (given: object) => BottleneckSettings.parse({ type: "bottleneck", ...given });
const attach = (given: object, seed = 1) =>
  attachBottleneck({ config, weights, seed, settings: settingsOf(given), encode: () => [], param });
const count = (parameters: readonly { readonly shape: readonly number[] }[]) =>
  parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);

describe.each(GOLDEN_NAMES)("AdapterHub's %s", (name) => {
  const golden = goldens.get(name)!;
  const method = attachBottleneck({ config, weights, seed: 1, settings: settingsFor(name), encode: () => [], param });
  const values = goldenTensorsOf(name);

  it("trains the same tensors", () => {
    const named = (entries: Iterable<readonly [string, readonly number[]]>) => [...entries].sort();
    expect(named(method.parameters.map(({ name, shape }) => [name, shape]))).toEqual(
      named([...values].map(([key, { shape }]) => [key, shape])),
    );
    expect(count(method.parameters)).toBe(golden.json.trainableParameters);
  });

  it("gives the same logits", async () => {
    expect(largestDifference(await logitsOf(golden, method, values), golden.json.logits.data)).toBeLessThan(2e-5);
  });

  it("gives the same loss and gradients", async () => {
    const { loss, gradients } = await gradientsOf(golden, method, values);
    expect(loss).toBeCloseTo(golden.json.loss, 5);
    for (const [key, { data }] of goldenTensorsOf(name, "grads")) {
      expect(largestDifference(gradients.get(key)!.data, data), key).toBeLessThan(1e-5);
    }
  });
});

describe("planBottleneck", () => {
  const plan = (given: object) => planBottleneck({ config, settings: settingsOf(given), param });
  const each = (columns: number) => 2 * 32 * columns + columns + 32;

  it.each<[object, number, number]>([
    [{}, 2 * each(2), 2],
    [{ config: "houlsby" }, 4 * each(2), 2],
    [{ config: "par_bn" }, 2 * each(16), 16],
    [{ config: "scaled_par_bn" }, 2 * (each(16) + 1), 16],
    [{ scaling: "channel" }, 2 * (each(2) + 32), 2],
    [{ mh_adapter: true, output_adapter: false, reduction_factor: 4 }, 2 * each(8), 8],
    [{ reduction_factor: { 0: 4, default: 16 } }, each(8) + each(2), 8],
    [{ reduction_factor: 3.2 }, 2 * each(9), 9],
    [{ reduction_factor: 100 }, 2 * each(1), 1],
    [{ reduction_factor: 0.5 }, 2 * each(64), 64],
    [{ leave_out: [1] }, each(2), 2],
  ])("2DM + M + D for each adapter: %j", (given, expected, columns) => {
    const { parameters, serving } = plan(given);
    expect(count(parameters)).toBe(expected);
    expect(serving).toEqual({ rank: 0, vectors: 0, columns, positions: 0 });
  });

  it.each<[object, string, string]>([
    [{ leave_out: [0, 1] }, "leave_out", "leaves no layer with an adapter."],
    [{ output_adapter: false }, "output_adapter", "leaves no layer with an adapter."],
    [{ leave_out: [2] }, "leave_out", "includes layer 2, but this model's last layer is 1."],
    [
      { reduction_factor: { 5: 2, default: 4 } },
      "reduction_factor",
      "includes layer 5, but this model's last layer is 1.",
    ],
    [{ reduction_factor: { 0: 2 } }, "reduction_factor", "has no entry for layer 1 and no default."],
    [{ original_ln_after: false }, "original_ln_after", "drops the stream before the block"],
    [{ config: "par_bn", original_ln_after: false }, "original_ln_after", "drops the stream"],
    [{ residual_before_ln: false }, "original_ln_after", "adds the stream twice"],
  ])("refuses %j, naming the field", (given, field, message) => {
    expect(() => plan(given)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: `${param}.${field}`,
        message: expect.stringContaining(`\`${param}.${field}\` ${message}`),
      }),
    );
  });
});

it("rejects layer keys that match no layer", () => {
  for (const name of ["00", "01", "-1", "1.0"]) {
    const { error } = BottleneckSettings.safeParse({
      type: "bottleneck",
      reduction_factor: { [name]: 4, default: 16 },
    });
    expect(JSON.stringify(error?.issues), name).toContain("must be a layer or `default`");
  }
});

describe("first values", () => {
  const deviation = ({ data }: Tensor) =>
    Math.sqrt(Array.from(data as Float32Array).reduce((sum, value) => sum + value * value, 0) / data.length);

  it("starts as the base if U is 0, and near it otherwise", async () => {
    const golden = goldens.get("parallel")!;
    const base = await logitsOf(golden, NO_METHOD);
    const start = async (given: object) => {
      const method = attach(given);
      const logits = await logitsOf(golden, method, method.initial);
      return { startsAsBase: method.startsAsBase, difference: largestDifference(logits, base) };
    };
    expect(await start({ config: "parallel" })).toEqual({ startsAsBase: true, difference: 0 });
    for (const init_weights of ["bert", "houlsby"]) {
      const { startsAsBase, difference } = await start({ init_weights });
      expect(startsAsBase).toBe(false);
      expect(difference).toBeGreaterThan(0);
      expect(difference).toBeLessThan(0.05);
    }
  });

  it("draws as AdapterHub does", () => {
    const wide = { reduction_factor: 0.25, config: "houlsby" };
    const first = (init_weights: string, part: string) =>
      attach({ ...wide, init_weights, scaling: "learned" }).initial.get(`layers.0.mlp.${part}`)!;
    expect(deviation(first("bert", "adapter_down")) / 0.02).toBeCloseTo(1, 1);
    expect(deviation(first("bert", "adapter_up")) / 0.02).toBeCloseTo(1, 1);
    // A normal distribution cut at two deviations has 0.88 of its deviation.
    expect(deviation(first("houlsby", "adapter_up")) / 0.0088).toBeCloseTo(1, 1);
    expect(Math.max(...first("houlsby", "adapter_up").data.map(Math.abs))).toBeLessThanOrEqual(0.02);
    expect(deviation(first("mam_adapter", "adapter_down")) / (1 / Math.sqrt(32 * 3))).toBeCloseTo(1, 1);
    expect(deviation(first("mam_adapter", "adapter_up"))).toBe(0);
    expect(deviation(first("bert", "adapter_down_bias"))).toBe(0);
    expect(first("bert", "adapter_scaling").data).toEqual(Float32Array.of(1));
  });

  it("draws the same for the same seed, another for each seed and adapter", () => {
    const down = (seed: number, layer = 0) => attach({}, seed).initial.get(`layers.${layer}.mlp.adapter_down`);
    expect(down(1)).toEqual(down(1));
    expect(down(2)).not.toEqual(down(1));
    expect(down(1, 1)).not.toEqual(down(1, 0));
  });
});

describe("dropout", () => {
  const shape = { rows: 2, tokens: 5 };
  const method = attach({ config: "houlsby", reduction_factor: 8, dropout: 0.5 });
  const masksOf = ({ inputs }: Graph) => inputs.map(({ name }) => name).filter((name) => name.endsWith("_dropout"));

  it("needs one mask per adapter, for its output, and only in training", () => {
    expect(method.randomInputs(shape)[0]).toEqual({
      name: "layers.0.self_attn.adapter_dropout",
      shape: [2, 5, 32],
      probability: 0.5,
    });
    expect(masksOf(trainingGraph({ config, method, shape }))).toHaveLength(4);
    expect(masksOf(evaluationGraph({ config, method, shape }))).toEqual([]);
    expect(attach({}).randomInputs(shape)).toEqual([]);
  });

  it("scales kept elements: keeping all at half strength equals the adapter, keeping none equals the base", async () => {
    const golden = goldens.get("houlsby")!;
    const values = goldenTensorsOf("houlsby");
    const halved = new Map(
      [...values].map(([name, value]) =>
        /_up(_bias)?$/.test(name) ? [name, { ...value, data: value.data.map((x) => x / 2) }] : [name, value],
      ),
    );
    const lossWith = async (fill: number, of: ReadonlyMap<string, Tensor>) => {
      const masks = method.randomInputs(shape).map(({ name, shape: size }) => {
        return [name, tensor("u8", size, new Uint8Array(elementCount(size)).fill(fill))] as const;
      });
      return (await gradientsOf(golden, method, of, Object.fromEntries(masks))).loss;
    };
    expect(await lossWith(1, halved)).toBeCloseTo(golden.json.loss, 5);
    const { loss: base } = await gradientsOf(golden, NO_METHOD, new Map());
    expect(await lossWith(0, values)).toBeCloseTo(base, 5);
  });
});
