import { describe, expect, test } from "vitest";
import { parseAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import type { LoraLayer } from "../../../../shared/peft/lora/adapter.ts";
import { loraConfigJson, namesNoLayer, parseLoraConfig } from "../../../../shared/peft/lora/adapter-config.ts";
import { nameable } from "../../../../shared/peft/lora/targets.ts";
import { zeros } from "../../../../shared/tensor.ts";
import { goldenModel } from "../../model/golden-models.ts";
import { type GoldenAdapter, goldenFolder } from "../golden-adapters.ts";

const { config: model } = await goldenModel("plain");
const { config: tied } = await goldenModel("tied-sharded-bf16");
const Q0 = "layers.0.self_attn.q_proj";
const parse = (changes: Record<string, unknown> = {}, name: GoldenAdapter = "adapter", of = model) =>
  parseLoraConfig({ ...parseAdapterFolder(goldenFolder(name)).config, ...changes }, of);
const targets = (changes: Record<string, unknown>, of = model) => {
  const config = parse(changes, "adapter", of);
  return nameable(of).flatMap(({ path }) => (config.targets(path) ? [path] : []));
};

describe("what peft saves", () => {
  test("plain", () => {
    const config = parse();
    expect(config).toMatchObject({
      ...{ rankStabilised: false, bias: "none", biasOfFactors: false, start: undefined },
      names: ["down_proj", "q_proj", "v_proj"],
    });
    expect([config.rankOf(Q0), config.alphaOf(Q0)]).toEqual([4, 8]);
    expect([config.targets(Q0), config.targets("layers.0.self_attn.k_proj")]).toEqual([true, false]);
  });

  test("rsLoRA with ranks and alphas by module", () => {
    const config = parse({}, "rslora-patterns");
    expect(config.rankStabilised).toBe(true);
    const of = (path: string) => [config.rankOf(path), config.alphaOf(path)];
    expect(of("layers.0.self_attn.k_proj")).toEqual([2, 4]);
    expect(of("layers.0.self_attn.o_proj")).toEqual([4, 16]);
    expect(of("layers.1.mlp.gate_proj")).toEqual([6, 8]);
  });

  test("targets: names, a pattern for whole paths, exclusions, blocks", () => {
    const ends = (changes: Record<string, unknown>) => targets(changes).map((path) => path.replace(/^layers\./, ""));
    expect(ends({ target_modules: ["q_proj", "lm_head"] })).toEqual([
      "0.self_attn.q_proj",
      "1.self_attn.q_proj",
      "lm_head",
    ]);
    expect(ends({ target_modules: "q_proj" })).toEqual([]);
    expect(ends({ target_modules: String.raw`model\.layers\.1\..*[kv]_proj` })).toEqual([
      "1.self_attn.k_proj",
      "1.self_attn.v_proj",
    ]);
    expect(ends({ target_modules: String.raw`layers\..*` })).toEqual([]);
    expect(ends({ target_modules: "all-linear" })).toHaveLength(14);
    const two = { target_modules: ["embed_tokens", "q_proj"] };
    expect(ends({ ...two, layers_to_transform: 1 })).toEqual(["1.self_attn.q_proj"]);
    expect(ends({ ...two, layers_to_transform: [0], layers_pattern: "layers" })).toEqual(["0.self_attn.q_proj"]);
    expect(ends({ ...two, layers_to_transform: [], layers_pattern: [] })).toHaveLength(3);
    // A whole path matches in any block; the end of a path only in the selected ones.
    const whole = ["lm_head", "model.layers.0.self_attn.q_proj", "k_proj"];
    expect(ends({ target_modules: whole, layers_to_transform: 1 })).toEqual([
      "0.self_attn.q_proj",
      "1.self_attn.k_proj",
      "lm_head",
    ]);
    expect(ends({ ...two, exclude_modules: ["0.self_attn.q_proj"] })).toEqual(["embed_tokens", "1.self_attn.q_proj"]);
    expect(ends({ ...two, exclude_modules: "model.embed.*" })).toHaveLength(2);
    expect(ends({ ...two, exclude_modules: [] })).toHaveLength(3);
  });

  test("a head that shares the embedding's factors", () => {
    const shared = { target_modules: ["embed_tokens"], ensure_weight_tying: true };
    expect(targets(shared, tied)).toEqual(["embed_tokens", "lm_head"]);
    expect(targets(shared)).toEqual(["embed_tokens"]);
    expect(targets({ ...shared, ensure_weight_tying: false }, tied)).toEqual(["embed_tokens"]);
    expect(targets({ ...shared, target_modules: ["q_proj"] }, tied)).toHaveLength(2);
  });

  test("initialisations: from part of the weight, and those without a lasting effect", () => {
    const starts = (values: unknown[]) => values.map((init_lora_weights) => parse({ init_lora_weights }).start);
    expect(starts(["pissa", "olora", "OLoRA"])).toEqual(["pissa", "olora", "olora"]);
    const others = [true, false, null, "gaussian", "orthogonal", "eva", "mica", "lora_ga"];
    expect(starts(others)).toEqual(others.map(() => undefined));
    expect(parse({ init_lora_weights: "eva", eva_config: { rho: 2 } }).start).toBeUndefined();
  });

  test("biases", () => {
    expect(parse({ bias: "all" }).bias).toBe("all");
    expect(parse({ bias: "lora_only", lora_bias: true })).toMatchObject({ bias: "lora_only", biasOfFactors: true });
  });
});

describe("errors name the field", () => {
  test.each<[Record<string, unknown>, string]>([
    [{ r: 0 }, "adapter_config.json: r must be at least 1"],
    [{ r: "8" }, "adapter_config.json: r must be a number"],
    [{ lora_alpha: -1 }, "adapter_config.json: lora_alpha must be more than 0"],
    [{ target_modules: [] }, "adapter_config.json: target_modules"],
    [{ target_modules: null, target_parameters: ["x"] }, "adapter_config.json: target_modules"],
    [
      { target_modules: "(a" },
      'adapter_config.json: target_modules has an unsupported pattern: "(a" has an unclosed parenthesis',
    ],
    [
      { exclude_modules: "a++" },
      'adapter_config.json: exclude_modules has an unsupported pattern: "a++" has a possessive',
    ],
    [{ rank_pattern: { "(?i)q": 2 } }, "adapter_config.json: rank_pattern has an unsupported pattern"],
    [{ alpha_pattern: { "[": 4 } }, 'alpha_pattern has an unsupported pattern: "[" has an unclosed bracket'],
    [{ rank_pattern: { q_proj: 0 } }, "adapter_config.json: rank_pattern.q_proj must be at least 1"],
    [{ bias: "some" }, 'adapter_config.json: bias must be "none" or "all" or "lora_only"'],
    [{ fan_in_fan_out: true }, "fan_in_fan_out is not supported; must be false or null"],
    [{ task_type: "SEQ_CLS" }, 'task_type is not supported; must be "CAUSAL_LM" or null'],
    [
      { init_lora_weights: "loftq" },
      "init_lora_weights is not supported; must be a boolean or one of gaussian, orthogonal, eva",
    ],
    [{ init_lora_weights: "corda" }, "init_lora_weights is not supported"],
    [
      { init_lora_weights: "pissa_niter_16" },
      "init_lora_weights depends on random vectors, so its part of the weight cannot be reproduced; save the adapter with path_initial_model_for_weight_conversion",
    ],
    [{ modules_to_save: { lm_head: 1 } }, "modules_to_save"],
    [{ layer_replication: [[0, 1]] }, "layer_replication is not supported"],
    [{ trainable_token_indices: [-1] }, "trainable_token_indices"],
    [{ use_qalora: true }, "use_qalora is not supported"],
    [{ kasa_config: { beta: 1 } }, "kasa_config is not supported"],
    [{ something_new: { on: true } }, "something_new is not supported; must be absent, null, false or empty"],
    [{ auto_map: { AutoModel: "x.Y" } }, "auto_map names code to run"],
    [{ layers_pattern: "blocks" }, "layers_pattern"],
  ])("%j", (changes, message) => {
    expect(() => parse(changes)).toThrow(message);
    expect(() => parse(changes)).toThrow(expect.objectContaining({ name: "TrimtabError", code: "invalid_delta" }));
  });
});

test("names that match no layer are shown, shortened if necessary", () => {
  const message = (targets: string | string[]) => namesNoLayer(targets).message;
  expect(message(["c_attn", "wq"])).toBe(
    "target_modules in adapter_config.json (c_attn, wq) matches no layer of the base model",
  );
  expect(message(".*c_attn")).toContain("(.*c_attn)");
  expect(message(Array(1000).fill("c_attn"))).toContain(`(${"c_attn, ".repeat(25).slice(0, 197)}...)`);
});

describe("loraConfigJson", () => {
  const layer = (rank: number, alpha: number) => ({ a: zeros([32, rank]), b: zeros([rank, 32]), alpha });
  const { layers: blocks } = model;
  const adapter = {
    rankStabilised: true,
    layers: new Map<string, LoraLayer>([
      ...Array.from({ length: blocks }, (_, at) => [`layers.${at}.self_attn.q_proj`, layer(2, 4)] as const),
      ...Array.from({ length: blocks }, (_, at) => [`layers.${at}.mlp.up_proj`, layer(3, 4)] as const),
      ["layers.0.self_attn.o_proj", layer(2, 5)] as const,
      ["embed_tokens", layer(2, 4)] as const,
    ]),
    biases: new Map(),
  };
  const options = { model, baseModel: "owner/base", dropout: 0.1 };

  test("records the most common values, and the others by the shortest names", () => {
    expect(loraConfigJson(adapter, options)).toEqual({
      alpha_pattern: { o_proj: 5 },
      auto_mapping: null,
      base_model_name_or_path: "owner/base",
      bias: "none",
      fan_in_fan_out: false,
      inference_mode: true,
      init_lora_weights: true,
      layers_pattern: null,
      layers_to_transform: null,
      lora_alpha: 4,
      lora_dropout: 0.1,
      modules_to_save: null,
      peft_type: "LORA",
      r: 2,
      rank_pattern: { up_proj: 3 },
      revision: null,
      target_modules: ["embed_tokens", "layers.0.self_attn.o_proj", "q_proj", "up_proj"],
      task_type: "CAUSAL_LM",
      use_rslora: true,
    });
  });

  test("is read the same", () => {
    const config = parseLoraConfig(loraConfigJson(adapter, options), model);
    for (const { path } of nameable(model)) {
      const found = adapter.layers.get(path);
      expect(config.targets(path)).toBe(found !== undefined);
      if (found !== undefined)
        expect([config.rankOf(path), config.alphaOf(path)]).toEqual([found.a.shape[1], found.alpha]);
    }
    expect(config.rankStabilised).toBe(true);
  });

  test("names biases by the layers that they are of, and the start of factors", () => {
    const bias = zeros([32]);
    const json = (changes: object) => loraConfigJson({ ...adapter, ...changes }, options);
    expect(json({ biases: new Map([[Q0, bias]]) }).bias).toBe("lora_only");
    expect(
      json({
        biases: new Map([
          [Q0, bias],
          ["layers.0.self_attn.k_proj", bias],
        ]),
      }).bias,
    ).toBe("all");
    expect(json({ layers: new Map([[Q0, { ...layer(1, 1), bias }]]) })).toMatchObject({ lora_bias: true });
    expect(json({ start: "pissa" }).init_lora_weights).toBe("pissa");
  });
});
