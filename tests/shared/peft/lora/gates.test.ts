import { describe, expect, it } from "vitest";
import { loraGates } from "../../../../shared/peft/lora/gates.ts";
import { LoraSettings } from "../../../../shared/peft/lora/settings.ts";
import { goldenConfig } from "../golden-adapters.ts";

const gates = (given: object) =>
  loraGates({ config: goldenConfig, settings: LoraSettings.parse({ type: "lora", ...given }), param: "peft[1]" });

describe("loraGates", () => {
  it("has one for each layer, on B and its bias", () => {
    expect(gates({ target_modules: ["layers.1.self_attn.q_proj"], lora_bias: true })).toEqual([
      {
        name: "layers.1.self_attn.q_proj.lora",
        parameters: ["layers.1.self_attn.q_proj.lora_B", "layers.1.self_attn.q_proj.lora_bias"],
        parts: 1,
      },
    ]);
    expect(gates({ target_modules: ["v_proj", "embed_tokens"] }).map(({ parameters }) => parameters)).toEqual([
      ["embed_tokens.lora_B"],
      ["layers.0.self_attn.v_proj.lora_B"],
      ["layers.1.self_attn.v_proj.lora_B"],
    ]);
  });

  it.each(["pissa", "olora"])("cannot go with factors that start as a part of the weight: %s", (init) => {
    expect(() => gates({ init_lora_weights: init, r: 2 })).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "peft[1].init_lora_weights",
        message: `\`peft[1].init_lora_weights\`: \`${init}\` starts from part of the weight, which gates would scale down; remove it, or turn off gates.`,
      }),
    );
  });
});
