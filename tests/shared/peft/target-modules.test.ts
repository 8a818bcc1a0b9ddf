import { describe, expect, it } from "vitest";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { checkRank, namesModule, resolveTargetModules } from "../../../shared/peft/target-modules.ts";

const config = parseModelConfig({
  model_type: "llama",
  vocab_size: 96,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 64,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 64,
});
const paths = (target: string | string[]) =>
  resolveTargetModules(config, target, "peft.target_modules").map(({ path }) => path);

describe("namesModule", () => {
  it("stands for the end of a path, after a dot", () => {
    const path = "layers.11.self_attn.q_proj";
    const names = ["q_proj", "self_attn.q_proj", path, `model.${path}`];
    expect(names.map((name) => namesModule(name, path))).toEqual([true, true, true, true]);
    const others = ["proj", "1.self_attn.q_proj", "layers.1.self_attn.q_proj", "attn.q_proj", ""];
    expect(others.map((name) => namesModule(name, path))).toEqual(others.map(() => false));
  });
});

describe("resolveTargetModules", () => {
  it("takes every linear layer of the blocks for all-linear, and not the head", () => {
    expect(paths("all-linear")).toHaveLength(14);
    expect(paths("all-linear").slice(0, 2)).toEqual(["layers.0.self_attn.q_proj", "layers.0.self_attn.k_proj"]);
  });

  it("matches the end of a path at a dot, as peft does", () => {
    expect(paths("q_proj")).toEqual(["layers.0.self_attn.q_proj", "layers.1.self_attn.q_proj"]);
    expect(paths("1.mlp.up_proj")).toEqual(["layers.1.mlp.up_proj"]);
    expect(paths("model.layers.1.mlp.up_proj")).toEqual(["layers.1.mlp.up_proj"]);
    expect(() => paths("proj")).toThrow("`proj` matches no linear layer");
  });

  it("gives the layers of a list in the model's order, each once", () => {
    expect(paths(["v_proj", "self_attn.q_proj", "q_proj"])).toEqual([
      "layers.0.self_attn.q_proj",
      "layers.0.self_attn.v_proj",
      "layers.1.self_attn.q_proj",
      "layers.1.self_attn.v_proj",
    ]);
  });

  it("refuses a name that matches nothing, naming it and those that exist", () => {
    expect(() => paths(["q_proj", "c_attn"])).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "peft.target_modules",
        message:
          "`peft.target_modules`: `c_attn` matches no linear layer of this model: no module has that name. Use `all-linear`, names among q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, or whole paths such as `layers.0.self_attn.q_proj`.",
      }),
    );
    expect(() => paths("lm_head")).toThrow("`lm_head` matches no linear layer");
    expect(() => paths(["all-linear"])).toThrow("stands alone, outside a list");
  });
});

describe("checkRank", () => {
  const modules = resolveTargetModules(config, "all-linear", "peft.target_modules");

  it("takes ranks up to the smallest side of the targeted layers", () => {
    for (const rank of [1, 8, 16]) checkRank(modules, rank, "peft.r");
    checkRank(resolveTargetModules(config, "q_proj", "peft.target_modules"), 32, "peft.r");
  });

  it("refuses others, naming the layer that cannot have them", () => {
    for (const rank of [0, 17, 10_000, 1.5]) {
      expect(() => checkRank(modules, rank, "peft.r")).toThrow(
        expect.objectContaining({
          code: "invalid_request",
          param: "peft.r",
          message: `\`peft.r\` must be from 1 to 16, got ${rank}: layers.0.self_attn.k_proj is 32 × 16 and can have no higher rank.`,
        }),
      );
    }
  });
});
