import { describe, expect, it } from "vitest";
import { requestError } from "../../../shared/api/parse.ts";
import { ChosenSettings, methodsOf, suitsOf } from "../../../shared/peft/presets.ts";
import { PeftSettings } from "../../../shared/peft/registry.ts";

const parse = (given: object) => ChosenSettings.parse(given);
const defaultsOf = (given: object) => PeftSettings.parse(given);

describe("methodsOf", () => {
  const lora = parse({ type: "lora" });

  it("gives the place of each method", () => {
    expect(methodsOf(lora)).toEqual([{ settings: lora, place: "" }]);
    expect(methodsOf([lora])).toEqual([{ settings: lora, place: "[0]" }]);
    expect(methodsOf([lora, parse({ type: "mam" })]).map(({ place }) => place)).toEqual([
      "[0]",
      "[1].prefix_tuning",
      "[1].adapter",
    ]);
    expect(methodsOf(parse({ type: "unipelt" })).map(({ place }) => place)).toEqual([
      ".prefix_tuning",
      ".adapter",
      ".lora",
    ]);
  });

  it("is AdapterHub's mix-and-match: a prefix through a network, and parallel adapters", () => {
    const prefix = { num_virtual_tokens: 30, prefix_projection: true, encoder_hidden_size: 800 };
    expect(methodsOf(parse({ type: "mam" })).map(({ settings }) => settings)).toEqual([
      defaultsOf({ type: "prefix", ...prefix }),
      defaultsOf({ type: "bottleneck", config: "par_bn" }),
    ]);
  });

  it("is UniPELT: a prefix, Pfeiffer's adapters and LoRA on queries and values, each behind gates", () => {
    const prefix = { num_virtual_tokens: 10, prefix_projection: true, encoder_hidden_size: 512 };
    expect(methodsOf(parse({ type: "unipelt" })).map(({ settings }) => settings)).toEqual([
      defaultsOf({ type: "prefix", ...prefix, use_gating: true }),
      defaultsOf({ type: "bottleneck", config: "seq_bn", use_gating: true }),
      defaultsOf({ type: "lora", target_modules: ["q_proj", "v_proj"], use_gating: true }),
    ]);
  });

  it("accepts other settings for the parts", () => {
    const mam = parse({
      type: "mam",
      prefix_tuning: { num_virtual_tokens: 4, prefix_projection: false },
      adapter: { reduction_factor: 4, use_gating: true },
    });
    expect(methodsOf(mam).map(({ settings }) => settings)).toMatchObject([
      defaultsOf({ type: "prefix", num_virtual_tokens: 4 }),
      { type: "bottleneck", config: "par_bn", reduction_factor: 4, use_gating: true },
    ]);
    expect(methodsOf(parse({ type: "unipelt", lora: { r: 2 } }))[2]!.settings).toMatchObject({ r: 2, lora_alpha: 16 });
  });

  it("survives a round trip", () => {
    for (const type of ["mam", "unipelt"]) expect(parse(parse({ type }))).toEqual(parse({ type }));
  });
});

describe("rejected settings", () => {
  it.each<[object, string, string]>([
    [{ type: "mam", prefix_tuning: { num_virtual_tokens: 0 } }, "prefix_tuning.num_virtual_tokens", "at least 1"],
    [{ type: "mam", adapter: { ln_after: true } }, "adapter.ln_after", "must be false"],
    [{ type: "mam", adapter: { type: "bottleneck" } }, "adapter.type", "Unknown field"],
    [{ type: "mam", lora: {} }, "lora", "Unknown field `lora`"],
    [{ type: "mam", prefix: {} }, "prefix", "Unknown field `prefix`"],
    [{ type: "unipelt", lora: { r: 0 } }, "lora.r", "at least 1"],
    [{ type: "unipelt", lora: { use_gating: false } }, "lora.use_gating", "Unknown field `lora.use_gating`"],
    [{ type: "unipelt", adapter: 4 }, "adapter", "must be an object"],
  ])("%j", (given, param, message) => {
    const { error } = ChosenSettings.safeParse(given);
    expect(requestError(error!, given)).toMatchObject({ code: "invalid_request", param });
    expect(requestError(error!, given).message).toContain(message);
  });

  it("an unknown type, listing the known ones", () => {
    const { error } = ChosenSettings.safeParse({ type: "not-here" });
    const refusal = requestError(error!, { type: "not-here" });
    expect(refusal).toMatchObject({ code: "unsupported_parameter", param: "type" });
    for (const known of ["lora", "bottleneck", "prefix", "full", "mam", "unipelt"]) {
      expect(refusal.message).toContain(`"${known}"`);
    }
  });
});

it("says what a preset suits, and that it cannot be merged", () => {
  for (const type of ["mam", "unipelt"]) {
    const { mergeable, suits } = suitsOf(parse({ type }));
    expect(mergeable).toBe(false);
    expect(suits.length).toBeGreaterThan(20);
  }
  expect(suitsOf(parse({ type: "lora" })).mergeable).toBe(true);
});
