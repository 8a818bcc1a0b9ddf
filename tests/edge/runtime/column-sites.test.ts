import { expect, it } from "vitest";
import { columnSites, columnSizes } from "../../../edge/runtime/column-sites.ts";
import { TINY } from "./tiny-model.ts";

it("lists the parts of a layer's rank and of a block's column by their graph inputs", () => {
  const factors = columnSites(TINY, "factors");
  expect(factors.map(({ path }) => path)).toContain("layers.1.mlp.up_proj");
  expect(factors).toHaveLength(7 * TINY.layers);
  expect(factors[1]).toEqual({
    path: "layers.0.self_attn.k_proj",
    parts: [
      { input: "layers.0.self_attn.k_proj.A", width: 32 },
      { input: "layers.0.self_attn.k_proj.B", width: 16 },
    ],
  });
  const [attention, ffn] = columnSites(TINY, "bottlenecks");
  expect(attention!.parts.map(({ width }) => width)).toEqual([32, 32, 1, 1, 1, 1]);
  expect(ffn!.parts[4]).toEqual({ input: "layers.0.mlp.from_stream", width: 1 });
});

it("counts the floats of one column over the whole model", () => {
  // q, k, v, o, gate, up, down of two layers: D 32, 4 heads of 8 with 2 key/value heads, F 48. Two blocks per layer.
  expect(columnSizes(TINY)).toEqual({
    factors: 2 * (64 + 48 + 48 + 64 + 80 + 80 + 80),
    bottlenecks: 2 * 2 * (32 + 32 + 4),
  });
});
