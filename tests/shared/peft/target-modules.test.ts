import { describe, expect, it } from "vitest";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { adaptableModules } from "../../../shared/model/modules.ts";
import {
  checkRank,
  modulesNamed,
  namesModule,
  patternEntries,
  resolveTargetModules,
  TargetModules,
} from "../../../shared/peft/target-modules.ts";

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
  it("matches the end of a path after a dot", () => {
    const path = "layers.11.self_attn.q_proj";
    const names = ["q_proj", "self_attn.q_proj", path, `model.${path}`];
    expect(names.map((name) => namesModule(name, path))).toEqual([true, true, true, true]);
    const others = ["proj", "1.self_attn.q_proj", "layers.1.self_attn.q_proj", "attn.q_proj", ""];
    expect(others.map((name) => namesModule(name, path))).toEqual(others.map(() => false));
  });
});

describe("resolveTargetModules", () => {
  it("selects every linear layer of the blocks for all-linear, but not the head", () => {
    expect(paths("all-linear")).toHaveLength(14);
    expect(paths("all-linear").slice(0, 2)).toEqual(["layers.0.self_attn.q_proj", "layers.0.self_attn.k_proj"]);
  });

  it("matches the end of a path at a dot, as peft does", () => {
    expect(paths("q_proj")).toEqual(["layers.0.self_attn.q_proj", "layers.1.self_attn.q_proj"]);
    expect(paths("1.mlp.up_proj")).toEqual(["layers.1.mlp.up_proj"]);
    expect(paths("model.layers.1.mlp.up_proj")).toEqual(["layers.1.mlp.up_proj"]);
    expect(() => paths("proj")).toThrow("`proj` matches no linear layer");
  });

  it("returns the layers of a list in the model's order, each once", () => {
    expect(paths(["v_proj", "self_attn.q_proj", "q_proj"])).toEqual([
      "layers.0.self_attn.q_proj",
      "layers.0.self_attn.v_proj",
      "layers.1.self_attn.q_proj",
      "layers.1.self_attn.v_proj",
    ]);
  });

  it("takes a pattern for whole paths, with or without the model's own name before them", () => {
    const [q0, up1] = ["layers.0.self_attn.q_proj", "layers.1.mlp.up_proj"];
    expect(paths(String.raw`model\.layers\.0\.self_attn\.q_proj|.*1\.mlp\.up_proj`)).toEqual([q0, up1]);
    expect(paths(String.raw`layers\.1\.mlp\.(up|gate)_proj`)).toEqual(["layers.1.mlp.gate_proj", up1]);
    expect(() => paths(String.raw`\w+_proj`)).toThrow(
      "matches no linear layer of this model: a pattern must match a whole path",
    );
    expect(() => paths("(a")).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "peft.target_modules",
        message: '`peft.target_modules` has an unsupported pattern: "(a" has an unclosed parenthesis',
      }),
    );
  });

  it("takes modules beside those of the blocks where they are given", () => {
    const names = (target: string) =>
      resolveTargetModules(config, target, "peft.target_modules", adaptableModules(config)).map(({ path }) => path);
    expect(names("lm_head")).toEqual(["lm_head"]);
    expect(names(".*[0k]_proj|lm_head")).toEqual(["layers.0.self_attn.k_proj", "layers.1.self_attn.k_proj", "lm_head"]);
    expect(names("all-linear")).toHaveLength(14);
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
    expect(() => paths(["all-linear"])).toThrow("must be a string, not part of a list");
  });
});

describe("TargetModules", () => {
  it("takes names, lists and patterns, and says what is wrong with others", () => {
    for (const good of ["all-linear", ["q_proj", "model.layers.0.mlp.up_proj"], String.raw`.*\.[qk]_proj`]) {
      expect(TargetModules.parse(good)).toEqual(good);
    }
    const problem = (value: unknown) => JSON.stringify(TargetModules.safeParse(value).error?.issues);
    expect(problem("(a")).toContain("has an unsupported pattern: it has an unclosed parenthesis");
    expect(problem(["q_proj", ".*"])).toContain("a pattern must be a string, not part of a list");
    expect([problem(""), problem([]), problem(3)].every((text) => text.length > 2)).toBe(true);
  });
});

describe("modulesNamed", () => {
  const place = { code: "invalid_delta", what: "adapter_config.json: target_modules" } as const;
  const q0 = "layers.0.self_attn.q_proj";

  it("means by a string a pattern of the whole path in a checkpoint, by a list ends of it", () => {
    expect(["q_proj", q0, `model.${q0}`, ".*q_proj"].map((names) => modulesNamed(names, place)(q0))).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect([["k_proj", "q_proj"], [q0], [".*q_proj"]].map((names) => modulesNamed(names, place)(q0))).toEqual([
      true,
      true,
      false,
    ]);
    expect(modulesNamed("lm_head", place)("lm_head")).toBe(true);
  });

  it("takes no longer for a long list than it takes to read it", () => {
    const names = Array.from({ length: 250_000 }, (_, index) => `a${index}`);
    const start = performance.now();
    const test = modulesNamed([...names, "q_proj"], place);
    const found = Array.from({ length: 300 }, (_, layer) => `layers.${layer}.self_attn.q_proj`).filter(test);
    expect(found).toHaveLength(300);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it("says where a pattern stands that cannot be read, or takes too long", () => {
    expect(() => modulesNamed("a++", place)).toThrow(
      expect.objectContaining({
        code: "invalid_delta",
        message:
          'adapter_config.json: target_modules has an unsupported pattern: "a++" has a possessive quantifier, which is not supported',
      }),
    );
    const slow = modulesNamed(`${"(.*)".repeat(400)}x`, place);
    expect(() => slow("a".repeat(200))).toThrow(
      "target_modules takes too long to match; simplify the pattern or list names",
    );
  });
});

describe("patternEntries", () => {
  const place = { code: "invalid_request", what: "`peft.rank_pattern`", param: "peft.rank_pattern" } as const;

  it("finds the first that fits the end of a path", () => {
    const entry = patternEntries(
      { "layers.0.*": 1, q_proj: 2, "(gate|up)_proj": 3, "^model.layers.1.mlp.down_proj": 4 },
      place,
    );
    const values = [
      "0.self_attn.q_proj",
      "1.self_attn.q_proj",
      "1.mlp.up_proj",
      "1.mlp.down_proj",
      "1.self_attn.k_proj",
    ];
    expect(values.map((end) => entry(`layers.${end}`)?.value)).toEqual([1, 2, 3, 4, undefined]);
    expect(entry("layers.1.self_attn.q_proj")).toMatchObject({ key: "q_proj", value: 2 });
    expect(() => patternEntries({ "[": 1 }, place)).toThrow(expect.objectContaining({ param: "peft.rank_pattern" }));
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
