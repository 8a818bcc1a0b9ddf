import { describe, expect, it } from "vitest";
import type { ModelConfig } from "../../../../shared/model/config.ts";
import { linearModules } from "../../../../shared/model/modules.ts";
import { byLayer, canonicalScales, type Scale, scaleOf } from "../../../../shared/peft/ia3/scales.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { peftGolden } from "../../../support/peft-golden.ts";

const { config } = await peftGolden("ia3");
const module = (name: string, of: ModelConfig = config) =>
  linearModules(of).find(({ path }) => path.endsWith(`0.${name}`))!;
const actsOn = (name: string, atInput: boolean, of: ModelConfig = config) =>
  scaleOf(of, module(name, of), atInput)?.actsOn;

describe("scaleOf", () => {
  it("acts on the layer itself at its output", () => {
    for (const { path } of linearModules(config)) expect(actsOn(path.slice(9), false)).toContain(path.slice(9));
  });

  it("moves an input's scale to the layer that computes the input, if there is one", () => {
    const names = ["self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"];
    expect(names.map((name) => actsOn(name, true))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      "layers.0.mlp.up_proj",
    ]);
    expect(actsOn("self_attn.o_proj", true, { ...config, kvHeads: config.heads })).toBe("layers.0.self_attn.v_proj");
  });
});

describe("canonicalScales", () => {
  const scale = (path: string, atInput = false, on = path): Scale => ({ path, atInput, size: 2, actsOn: on });
  const vector = (...values: number[]) => f32([2], values);

  it("multiplies the scales that act on one layer", () => {
    const scales = [scale("up"), scale("down", true, "up")];
    const values = new Map([
      ["up.ia3_l", vector(2, 0.5)],
      ["down.ia3_l", vector(3, 4)],
    ]);
    expect([...byLayer(scales)].map(([path, parts]) => [path, parts.length])).toEqual([["up", 2]]);
    expect([...canonicalScales(scales, values, new Map()).linears]).toEqual([["up", { scale: vector(6, 2) }]]);
  });

  it("scales a layer's bias by adding the difference", () => {
    const values = new Map([["k.ia3_l", vector(3, 1)]]);
    const delta = canonicalScales([scale("k")], values, new Map([["k", vector(10, 10)]]));
    expect(delta.linears.get("k")).toEqual({ scale: vector(3, 1), bias: vector(20, 0) });
  });
});
