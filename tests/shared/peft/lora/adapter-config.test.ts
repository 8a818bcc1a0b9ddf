import { describe, expect, test } from "vitest";
import { alphaOf, loraConfigJson, parseLoraConfig } from "../../../../shared/peft/lora/adapter-config.ts";
import { goldenFolder, withConfig } from "../golden-adapters.ts";

const parse = (changes: Record<string, unknown> = {}, name: Parameters<typeof goldenFolder>[0] = "adapter") =>
  parseLoraConfig(
    JSON.parse(new TextDecoder().decode(withConfig(goldenFolder(name), changes).get("adapter_config.json"))),
  );

describe("what peft saves", () => {
  test("plain", () => {
    expect(parse()).toEqual({
      rank: 4,
      alpha: 8,
      rankStabilised: false,
      dropout: 0,
      targetModules: ["down_proj", "q_proj", "v_proj"],
      layers: undefined,
      alphaPattern: new Map(),
      baseModel: "tiny-llama-plain",
    });
  });

  test("rsLoRA with patterns, and a regular expression for targets", () => {
    const config = parse({}, "rslora-patterns");
    expect(config).toMatchObject({
      rankStabilised: true,
      alphaPattern: new Map([
        ["k_proj", 4],
        ["o_proj", 16],
      ]),
    });
    expect([alphaOf(config, "layers.0.self_attn.k_proj"), alphaOf(config, "layers.0.self_attn.q_proj")]).toEqual([
      4, 8,
    ]);
    expect(parse({}, "regex-targets-f16").targetModules).toBeUndefined();
  });

  test("layers, and exclusions that leave the targets to the tensors", () => {
    expect(parse({ layers_to_transform: 1 }).layers).toEqual([1]);
    expect(parse({ layers_to_transform: [0, 1], layers_pattern: "layers" }).layers).toEqual([0, 1]);
    expect(parse({ exclude_modules: ["layers.0"] }).targetModules).toBeUndefined();
  });

  test("what is written is read the same", () => {
    const config = { ...parse({}, "rslora-patterns"), targetModules: ["q_proj"] };
    expect(parseLoraConfig(loraConfigJson(config))).toEqual(config);
  });
});

describe("refusals name the field", () => {
  test.each<[Record<string, unknown>, string]>([
    [{ peft_type: "IA3" }, "adapter_config.json: peft_type is not supported; only LORA adapters are read"],
    [{ r: 0 }, "adapter_config.json: r Too small"],
    [{ r: "8" }, "adapter_config.json: r Invalid input"],
    [{ lora_alpha: -1 }, "adapter_config.json: lora_alpha Too small"],
    [{ target_modules: [] }, "adapter_config.json: target_modules"],
    [{ bias: "all" }, 'adapter_config.json: bias is not supported; must be "none"'],
    [{ use_dora: true }, "adapter_config.json: use_dora is not supported; must be false or null"],
    [{ fan_in_fan_out: true }, "fan_in_fan_out is not supported"],
    [{ task_type: "SEQ_CLS" }, 'task_type is not supported; must be "CAUSAL_LM" or null'],
    [{ init_lora_weights: "pissa" }, "init_lora_weights is not supported"],
    [{ modules_to_save: ["lm_head"] }, "modules_to_save is not supported; must be absent, null, false or empty"],
    [{ layer_replication: [[0, 1]] }, "layer_replication is not supported"],
    [{ trainable_token_indices: [1] }, "trainable_token_indices is not supported"],
    [{ something_new: { on: true } }, "something_new is not supported; must be absent, null, false or empty"],
    [{ auto_mapping: { base_model_class: "X" } }, "auto_mapping names code to run"],
    [
      { auto_map: { AutoModel: "x.Y" } },
      "auto_map names code to run, and code that comes with an adapter is never run",
    ],
    [{ alpha_pattern: { "(a+)+b": 4 } }, 'alpha_pattern has the pattern "(a+)+b"; use module names'],
    [{ layers_pattern: "blocks" }, "layers_pattern"],
  ])("%j", (changes, message) => {
    expect(() => parse(changes)).toThrow(message);
    expect(() => parse(changes)).toThrow(expect.objectContaining({ name: "TrimtabError", code: "invalid_delta" }));
  });
});
