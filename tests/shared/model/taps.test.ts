import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseSafetensors, toF32 } from "../../../shared/formats/safetensors.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Graph, Value } from "../../../shared/graph/graph.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { createTaps, tapNames, tapWidth } from "../../../shared/model/taps.ts";
import { trainingForward } from "../../../shared/model/training-forward.ts";
import { i64, tensor } from "../../../shared/tensor.ts";
import { takenBy } from "../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { GOLDEN_MODELS, type GoldenModel, goldenModel, goldenOutputs, largestDifference } from "./golden-models.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const { config } = await goldenModel("plain");

describe("tapNames", () => {
  it("is the whole vocabulary in the order of the computation", () => {
    expect(tapNames({ ...config, layers: 1 })).toEqual([
      "embedding",
      "layers.0.self_attn.q_proj.input",
      "layers.0.self_attn.k_proj.input",
      "layers.0.self_attn.v_proj.input",
      "layers.0.self_attn.o_proj.input",
      "layers.0.self_attn",
      "layers.0.mlp.gate_proj.input",
      "layers.0.mlp.up_proj.input",
      "layers.0.mlp.down_proj.input",
      "layers.0.mlp",
      "layers.0",
      "final",
    ]);
    expect(tapNames(config)).toHaveLength(2 + 10 * config.layers);
  });

  it("keeps layers apart whose numbers begin alike", () => {
    const names = tapNames({ ...config, layers: 12 });
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength(2 + 10 * 12);
  });
});

describe("tapWidth", () => {
  const wide: ModelConfig = { ...config, headDim: 12 };

  it("is the stream's, or what the linear layer takes", () => {
    const names = ["embedding", "layers.1", "layers.0.mlp", "layers.1.mlp.down_proj.input", "final"];
    expect(names.map((name) => tapWidth(wide, name))).toEqual([32, 32, 32, 64, 32]);
    expect(tapWidth(wide, "layers.1.self_attn.o_proj.input")).toBe(4 * 12);
  });

  it.each(["layers.2", "layers.0.mlp.down_proj", "lm_head.input", "Final"])("does not know %s", (name) => {
    expect(() => tapWidth(wide, name)).toThrow(
      expect.objectContaining({
        code: "invalid_graph",
        message: expect.stringMatching(
          new RegExp(
            `no tap named ${name}; the taps are embedding, .*, layers.N.mlp, layers.N, final, with N from 0 to 1`,
          ),
        ),
        data: { tap: name, known: tapNames(wide) },
      }),
    );
  });
});

describe("createTaps", () => {
  it("gives what was recorded, and refuses what is no tap", () => {
    const b = new GraphBuilder("taps");
    const x = b.input("x", "f32", [1]);
    const taps = createTaps(config);
    taps.record("final", x);
    expect(taps.value("final")).toBe(x);
    expect(() => taps.value("layers.7")).toThrow("there is no tap named layers.7");
  });
});

describe("the taps of a training graph", () => {
  /** Every tap of one row of tokens, by name. */
  function tapped(model: ModelConfig, tokens: number): { plain: Graph; all: Graph } {
    const b = new GraphBuilder("taps");
    const { logits, tap } = trainingForward(b, model, { rows: 1, tokens });
    const outputs: Record<string, Value> = Object.fromEntries(tapNames(model).map((name) => [name, tap(name)]));
    return { plain: b.build({ logits }), all: b.build({ ...outputs, logits }) };
  }

  /** [T, width] by tap, as transformers computed them on the first row of the golden batch. */
  function goldenStates(name: GoldenModel) {
    const file = new URL(`../../golden/hidden-states/${name}.safetensors`, import.meta.url);
    return parseSafetensors(readFileSync(file)).tensors;
  }

  it.each(GOLDEN_MODELS)("are transformers' hidden states: %s", async (name) => {
    const model = await goldenModel(name);
    const { inputIds } = goldenOutputs(name);
    const length = inputIds.shape[1];
    const { all } = tapped(model.config, length);
    const program = await executor.compile(all, { bindings: takenBy(all, model.weights) });
    const got = await program.run({
      tokens: i64([1, length], inputIds.data.slice(0, length)),
      positions: i64([1, length], [...Array(length).keys()]),
      segments: tensor("i32", [1, length], new Int32Array(length)),
    });
    await program.dispose();
    const expected = goldenStates(name);
    expect([...expected.keys()].sort()).toEqual(tapNames(model.config).sort());
    for (const [tap, state] of expected) {
      expect(got[tap]!.shape, tap).toEqual([1, length, tapWidth(model.config, tap)]);
      expect(largestDifference(got[tap]!.data as Float32Array, toF32(state)), tap).toBeLessThan(2e-5);
    }
    // No two taps are the same by mistake, but for layers that share their input.
    const sums = [...expected.values()].map((state) => toF32(state).reduce((sum, x) => sum + x, 0));
    expect(new Set(sums).size).toBe(sums.length - 3 * model.config.layers);
  });

  it("add nothing to it, whether or not they are read", () => {
    const { plain, all } = tapped(config, 4);
    expect(all.nodes).toEqual(plain.nodes);
    expect(all.inputs).toEqual(plain.inputs);
  });
});
