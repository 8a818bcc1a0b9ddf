import { describe, expect, it } from "vitest";
import { attachMethods, planMethods, publishMethods } from "../../../shared/peft/combine.ts";
import { attachGated, foldGates, gatesOf } from "../../../shared/peft/gated.ts";
import type { AttachOptions, Gate, PublishOptions } from "../../../shared/peft/method.ts";
import { type AnySettings, PEFT_METHODS, PeftSettings, peftMethod } from "../../../shared/peft/registry.ts";
import { createRandom } from "../../../shared/random.ts";
import { elementCount, f32, type Tensor } from "../../../shared/tensor.ts";
import { adapterOf } from "../../support/peft.ts";
import { gradientsOf, logitsOf, served } from "../../support/peft-golden.ts";
import { largestDifference } from "../../trainer/golden-llama.ts";
import { combinedGolden } from "./golden-combinations.ts";

const golden = await combinedGolden("mam");
const { config, weights } = golden;
const attachOptions = { config, weights, seed: 1, encode: () => [1], param: "peft" };
const settingsOf = (given: object) => PeftSettings.parse(given);
const attachAlone = (settings: AnySettings) =>
  peftMethod<AnySettings>(settings).attach({ ...attachOptions, settings } as AttachOptions<AnySettings>);
const sigmoid = (g: number) => 1 / (1 + Math.exp(-g));

/** Every element moved, the gates to both sides of half open. */
const moved = (initial: ReadonlyMap<string, Tensor<"f32">>) =>
  new Map(
    [...initial].map(([name, { shape, data }]) => {
      const random = createRandom(9, name);
      return [
        name,
        f32(
          shape,
          data.map((value) => value + (name.endsWith(".gate") ? 1.5 : 0.2) * random.normal()),
        ),
      ] as const;
    }),
  );

const CASES: readonly (readonly [object, number])[] = [
  [{ type: "bottleneck", config: "double_seq_bn", reduction_factor: 8, scaling: "channel" }, 2 * config.layers],
  [{ type: "bottleneck", config: "par_bn", leave_out: [0] }, config.layers - 1],
  [{ type: "prefix", num_virtual_tokens: 3 }, config.layers],
  [{ type: "prefix", num_virtual_tokens: 3, prefix_projection: true, encoder_hidden_size: 6 }, config.layers],
  [{ type: "lora", r: 3, target_modules: ["q_proj", "down_proj"] }, 2 * config.layers],
  [{ type: "lora", r: 3, target_modules: ["q_proj"], lora_bias: true }, config.layers],
  [{ type: "lora", r: 3, target_modules: ["embed_tokens", "lm_head"] }, 2],
];

describe.each(CASES)("%j behind gates", (given, count) => {
  const plain = settingsOf(given);
  const settings = settingsOf({ ...given, use_gating: true });
  const gates = gatesOf({ config, settings, param: "peft" });
  const method = attachMethods({ ...attachOptions, settings });
  const alone = attachAlone(plain);
  const values = moved(method.initial);
  const folded = foldGates(values, gates);

  it("trains one number more for each gate, which start half open", () => {
    const numbers = (parameters: typeof method.parameters) =>
      parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    expect(numbers(method.parameters)).toBe(numbers(alone.parameters) + count);
    const own = method.parameters.filter(({ name }) => name.endsWith(".gate"));
    expect(numbers(own)).toBe(count);
    expect(own.every(({ decay }) => !decay)).toBe(true);
    for (const { name } of own) expect([...method.initial.get(name)!.data].every((g) => g === 0)).toBe(true);
    expect(method.startsAsBase).toBe(alone.startsAsBase);
    expect(planMethods({ config, settings, param: "peft" }).parameters).toEqual(method.parameters);
  });

  it("computes what the method does with the gates folded into its values", async () => {
    expect([...folded.keys()]).toEqual([...alone.initial.keys()]);
    const logits = await logitsOf(golden, method, values);
    expect(largestDifference(logits, await logitsOf(golden, alone, folded))).toBeLessThan(1e-5);
    const open = new Map([...values].filter(([name]) => !name.endsWith(".gate")));
    expect(largestDifference(logits, await logitsOf(golden, alone, open))).toBeGreaterThan(1e-2);
  });

  it("learns gates and values by the chain rule", async () => {
    const { gradients } = await gradientsOf(golden, method, values);
    const { gradients: ofFolded } = await gradientsOf(golden, alone, folded);
    for (const gate of gates) {
      const g = values.get(`${gate.name}.gate`)!.data;
      const expected = new Float64Array(gate.parts);
      for (const name of gate.parameters) {
        const { shape, data } = values.get(name)!;
        const each = shape.at(-1)! / gate.parts;
        const upstream = ofFolded.get(name)!.data;
        const own = gradients.get(name)!.data;
        for (let at = 0; at < data.length; at++) {
          const part = Math.floor((at % shape.at(-1)!) / each);
          const opening = sigmoid(g[part]!);
          expected[part]! += upstream[at]! * data[at]! * opening * (1 - opening);
          expect(Math.abs(own[at]! - upstream[at]! * opening)).toBeLessThan(1e-5);
        }
      }
      expect(largestDifference(gradients.get(`${gate.name}.gate`)!.data, expected), gate.name).toBeLessThan(1e-5);
      expect(Math.max(...expected.map(Math.abs)), gate.name).toBeGreaterThan(1e-6);
    }
  });

  it("publishes the folded values alone, and counts what was trained", async () => {
    const options = { config, seed: 1, weights, base: { id: "tiny", files: new Map() } };
    const [part] = await publishMethods({ ...options, settings, values });
    const own = { ...options, settings, values: folded } as PublishOptions<AnySettings>;
    const { result } = peftMethod<AnySettings>(settings);
    if (part?.kind !== "adapter" || result.kind !== "adapter") throw new Error("each is an adapter");
    const bare = await adapterOf(result, own);
    expect(part.adapter).toEqual({ ...bare, parameters: bare.parameters + count });
    const logits = await logitsOf(golden, served(config, part.adapter.delta));
    expect(largestDifference(logits, await logitsOf(golden, method, values))).toBeLessThan(1e-5);
    const { published } = planMethods({ config, settings, param: "peft" });
    const plan = peftMethod<AnySettings>(plain).plan({ config, settings: plain, param: "peft" });
    expect(published).toBe(plan.published ?? plan.parameters.reduce((n, { shape }) => n + elementCount(shape), 0));
  });
});

it("leaves a method without gates as it is", () => {
  const settings = settingsOf({ type: "lora", r: 2 });
  expect(gatesOf({ config, settings, param: "peft" })).toEqual([]);
  const method = attachAlone(settings);
  expect(attachGated(method, [])).toBe(method);
});

it("scales each of several parts by its own gate", () => {
  const gate: Gate = { name: "x", parameters: ["w"], parts: 2 };
  const values = new Map([
    ["w", f32([2, 4], [1, 1, 1, 1, 2, 2, 2, 2])],
    ["x.gate", f32([2], [0, 100])],
  ]);
  expect(foldGates(values, [gate])).toEqual(new Map([["w", f32([2, 4], [0.5, 0.5, 1, 1, 1, 1, 2, 2])]]));
});

it("every method that can be asked for gates says where they go, and no other", () => {
  for (const [type, row] of Object.entries(PEFT_METHODS)) {
    const { shape } = row.settings as unknown as { readonly shape: object };
    expect("gates" in row, type).toBe("use_gating" in shape);
  }
});
