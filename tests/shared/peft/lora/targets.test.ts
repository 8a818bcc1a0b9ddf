import { describe, expect, it } from "vitest";
import type { ModelConfig } from "../../../../shared/model/config.ts";
import { LoraSettings } from "../../../../shared/peft/lora/settings.ts";
import { factorScale, loraTargets, startsFromWeights } from "../../../../shared/peft/lora/targets.ts";
import { goldenModel } from "../../model/golden-models.ts";

const { config: plain } = await goldenModel("plain");
const { config: qwen } = await goldenModel("qwen2");
const parse = (settings: object) => LoraSettings.parse({ type: "lora", r: 2, lora_alpha: 4, ...settings });
const targets = (settings: object, config: ModelConfig = plain) =>
  loraTargets({ config, settings: parse(settings), param: "peft" });
const factors = (settings: object) =>
  targets(settings).factors.map(({ path, rank, alpha, scale }) => [path, rank, alpha, scale]);
const paths = (settings: object) => targets(settings).factors.map(({ path }) => path);

describe("factorTargets", () => {
  it("takes rank and alpha from the first matching pattern, or from the settings", () => {
    const settings = {
      target_modules: ["q_proj", "k_proj"],
      rank_pattern: { "layers.0.self_attn.*": 3, q_proj: 6 },
      alpha_pattern: { "1.self_attn.k_proj": 1 },
    };
    expect(factors(settings)).toEqual([
      ["layers.0.self_attn.q_proj", 3, 4, 4 / 3],
      ["layers.0.self_attn.k_proj", 3, 4, 4 / 3],
      ["layers.1.self_attn.q_proj", 6, 4, 4 / 6],
      ["layers.1.self_attn.k_proj", 2, 1, 1 / 2],
    ]);
    expect(factors({ ...settings, use_rslora: true })[0]).toEqual([
      "layers.0.self_attn.q_proj",
      3,
      4,
      4 / Math.sqrt(3),
    ]);
  });

  it("omits excluded layers and other blocks", () => {
    const names = { target_modules: ["q_proj", "up_proj"] };
    const q1 = "layers.1.self_attn.q_proj";
    expect(paths({ ...names, exclude_modules: ["layers.0.self_attn.q_proj", "up_proj"] })).toEqual([q1]);
    expect(paths({ ...names, exclude_modules: String.raw`.*\.0\..*|.*up_proj` })).toEqual([q1]);
    expect(paths({ ...names, exclude_modules: "up_proj", layers_to_transform: 1 })).toEqual([q1]);
    expect(paths({ layers_to_transform: [1], layers_pattern: ["layers"] })).toHaveLength(7);
  });

  it("are in the order of the computation, with the embedding first and the head last", () => {
    expect(paths({ target_modules: ["lm_head", "layers.0.mlp.up_proj", "embed_tokens"] })).toEqual([
      "embed_tokens",
      "layers.0.mlp.up_proj",
      "lm_head",
    ]);
  });
});

describe("settings that peft ignores or rejects are rejected by name", () => {
  it.each<[object, string, string]>([
    [{ r: 17 }, "r", "`peft.r` must be from 1 to 16, got 17: layers.0.self_attn.k_proj is 32 × 16"],
    [
      { rank_pattern: { v_proj: 17 } },
      "rank_pattern.v_proj",
      "`peft.rank_pattern.v_proj` must be from 1 to 16, got 17",
    ],
    [{ target_modules: "embed_tokens", r: 33 }, "r", "embed_tokens is 96 × 32 and can have no higher rank"],
    [{ target_modules: ["q_proj", "c_attn"] }, "target_modules", "`c_attn` matches no linear layer of this model"],
    [
      { rank_pattern: { ".*q_proj": 3, wq: 2 } },
      "rank_pattern",
      "`peft.rank_pattern`: `wq` is not the first match for any targeted layer",
    ],
    [
      { rank_pattern: { ".*proj": 3, q_proj: 2 } },
      "rank_pattern",
      "`q_proj` is not the first match for any targeted layer; correct or remove it.",
    ],
    [{ target_modules: "q_proj", alpha_pattern: { k_proj: 3 } }, "alpha_pattern", "`k_proj` is not the first match"],
    [
      { target_modules: "q_proj", exclude_modules: ["k_proj"] },
      "exclude_modules",
      "`peft.exclude_modules`: `k_proj` matches none of the targeted layers; remove it.",
    ],
    [{ target_modules: "q_proj", exclude_modules: ".*" }, "exclude_modules", "excludes all targeted layers"],
    [{ layers_to_transform: 2 }, "layers_to_transform", "there is no block 2; this model has 2, numbered from 0."],
    [{ layers_pattern: "layers" }, "layers_pattern", "it has no effect without `layers_to_transform`; set both"],
    [
      { target_modules: ".*q_proj", layers_to_transform: 1 },
      "layers_to_transform",
      "cannot be combined with a pattern in `target_modules`",
    ],
    [
      { target_modules: ["q_proj", "lm_head"], layers_to_transform: 1 },
      "layers_to_transform",
      "lm_head is not in any block",
    ],
    [
      { target_modules: "layers.0.mlp.up_proj", layers_to_transform: 1 },
      "layers_to_transform",
      "none of the targeted layers is in these blocks",
    ],
    [
      { bias: "all" },
      "bias",
      "`peft.bias`: this model has no biases to train. Remove it, or set `lora_bias: true` to add",
    ],
    [
      { lora_bias: true, init_lora_weights: "pissa" },
      "lora_bias",
      "works only with `init_lora_weights: true`, as in peft",
    ],
    [{ lora_bias: true, target_modules: "embed_tokens" }, "lora_bias", "is not possible on the embedding"],
    [
      { init_lora_weights: "orthogonal", rank_pattern: { v_proj: 3 } },
      "init_lora_weights",
      "`orthogonal` needs even ranks, but layers.0.self_attn.v_proj has rank 3.",
    ],
    [
      { init_lora_weights: "olora", target_modules: "embed_tokens" },
      "init_lora_weights",
      "`olora` applies only to linear layers, but none is targeted",
    ],
    [
      { init_lora_weights: "gaussian", target_modules: "embed_tokens" },
      "init_lora_weights",
      "`gaussian` applies only to linear layers, but none is targeted",
    ],
    [
      { lora_dropout: 0.1, target_modules: "embed_tokens" },
      "lora_dropout",
      "applies only to the inputs of linear layers, but none is targeted",
    ],
    [{ loraplus_lr_embedding: 1e-5 }, "loraplus_lr_embedding", "is part of LoRA+; set `loraplus_lr_ratio` too"],
    [
      { loraplus_lr_embedding: 1e-5, loraplus_lr_ratio: 4 },
      "loraplus_lr_embedding",
      "applies only to `embed_tokens`, which is not targeted",
    ],
  ])("%j", (settings, field, message) => {
    expect(() => targets(settings)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: `peft.${field}`,
        message: expect.stringContaining(message),
      }),
    );
  });

  it("training biases of layers without any", () => {
    expect(() => targets({ target_modules: "o_proj", bias: "lora_only" }, qwen)).toThrow(
      "`peft.bias`: the targeted layers have no biases to train",
    );
  });
});

describe("biases", () => {
  it("are all biases of the model, or those of the targeted layers", () => {
    const biases = (bias: string) =>
      targets({ target_modules: ["q_proj", "o_proj"], bias }, qwen).biases.map(({ path }) => path.split(".").at(-1));
    expect(biases("none")).toEqual([]);
    expect(biases("lora_only")).toEqual(["q_proj", "q_proj"]);
    expect(biases("all")).toEqual(["q_proj", "k_proj", "v_proj", "q_proj", "k_proj", "v_proj"]);
  });
});

it("scales by α/r, or α/√r for rsLoRA", () => {
  expect(factorScale(8, 16, false)).toBe(0.5);
  expect(factorScale(8, 16, true)).toBe(2);
});

it("knows which starts take a part of the weight", () => {
  const starts = [undefined, true, "gaussian", "orthogonal", "pissa", "pissa_niter_16", "olora"];
  expect(starts.filter((init_lora_weights) => startsFromWeights(parse({ init_lora_weights })))).toEqual(
    starts.slice(4),
  );
});
