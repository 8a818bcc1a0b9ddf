import { describe, expect, it } from "vitest";
import { TrimtabError } from "../../../../shared/errors.ts";
import { architectureOf } from "../../../../shared/peft/bottleneck/architecture.ts";
import { BottleneckSettings, bnConfigOf, withDefaults } from "../../../../shared/peft/bottleneck/settings.ts";
import { goldenConfig } from "../golden-adapters.ts";

const refuse = (field: string, problem: string) => new TrimtabError("invalid_request", `${field} ${problem}`);
const required = { mh_adapter: false, output_adapter: true, reduction_factor: 4, non_linearity: "relu" } as const;
const architecture = (given: object) => architectureOf(withDefaults({ ...required, ...given }), goldenConfig, refuse);
const preset = (config: string) =>
  architectureOf(bnConfigOf(BottleneckSettings.parse({ type: "bottleneck", config })), goldenConfig, refuse);

describe("architectureOf", () => {
  it.each([
    [["double_seq_bn", "houlsby"], { fromOutput: true, fromStream: false, silu: true, scaling: 1 }, 4, 2],
    [["seq_bn", "pfeiffer"], { fromOutput: true, fromStream: true, silu: false, scaling: 1 }, 2, 2],
    [["par_bn", "parallel"], { fromOutput: false, fromStream: true, silu: false, scaling: 4 }, 2, 16],
    [["scaled_par_bn", "scaled_parallel"], { fromOutput: false, fromStream: true, scaling: "learned" }, 2, 16],
  ])("knows AdapterHub's %s", (names, expected, sites, columns) => {
    for (const name of names) {
      const found = preset(name);
      expect(found).toMatchObject(expected);
      expect(found.sites.map((site) => site.columns)).toEqual(new Array(sites).fill(columns));
    }
  });

  it("lists the blocks in the order of the computation", () => {
    const paths = (given: object) => architecture(given).sites.map(({ path }) => path);
    expect(paths({ mh_adapter: true })).toEqual([
      "layers.0.self_attn",
      "layers.0.mlp",
      "layers.1.self_attn",
      "layers.1.mlp",
    ]);
    expect(paths({ mh_adapter: true, output_adapter: false, leave_out: [0] })).toEqual(["layers.1.self_attn"]);
  });

  it.each([
    [16, 2],
    [5, 6],
    // In binary, 3.2 is a little more than 3.2, and 0.8 too.
    [3.2, 9],
    [0.8, 39],
    [32, 1],
    [33, 1],
    [0.25, 128],
  ])("divides as Python does: 32 // %d is %d", (factor, columns) => {
    expect(architecture({ reduction_factor: factor }).sites[0]!.columns).toBe(columns);
  });

  it.each([
    [{ original_ln_after: true, residual_before_ln: true, original_ln_before: true }, undefined],
    [{ original_ln_after: true, residual_before_ln: true, original_ln_before: false }, undefined],
    [{ original_ln_after: true, residual_before_ln: false, original_ln_before: false }, undefined],
    [{ original_ln_after: false, residual_before_ln: false, original_ln_before: true }, undefined],
    [{ original_ln_after: true, residual_before_ln: false, original_ln_before: true }, "adds the stream twice"],
    [{ original_ln_after: false, residual_before_ln: true, original_ln_before: true }, "drops the stream"],
    [{ original_ln_after: false, residual_before_ln: true, original_ln_before: false }, "drops the stream"],
    [{ original_ln_after: false, residual_before_ln: false, original_ln_before: false }, "drops the stream"],
    [{ is_parallel: true, original_ln_after: false, original_ln_before: true }, "drops the stream"],
    [{ is_parallel: true, residual_before_ln: false, original_ln_before: true }, undefined],
  ])("takes what leaves the stream once: %j", (given, problem) => {
    if (problem === undefined) architecture(given);
    else expect(() => architecture(given)).toThrow(`original_ln_after ${problem}`);
  });

  it("rejects settings without adapters, and a layer without a width", () => {
    expect(() => architecture({ output_adapter: false })).toThrow("output_adapter leaves no layer with an adapter");
    expect(() => architecture({ leave_out: [0, 1] })).toThrow("leave_out leaves no layer with an adapter");
    expect(() => architecture({ reduction_factor: { 0: 4 } })).toThrow("has no entry for layer 1 and no default");
  });
});
