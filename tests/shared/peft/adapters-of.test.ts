import { describe, expect, it } from "vitest";
import { type CanonicalDelta, type CanonicalModule, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { sumDeltas } from "../../../shared/delta/sum.ts";
import { biasName } from "../../../shared/model/modules.ts";
import { readAdapterFolder } from "../../../shared/peft/adapter-folder.ts";
import { adaptersOf, type NamedBase } from "../../../shared/peft/adapters-of.ts";
import { ADAPTER_FORMATS } from "../../../shared/peft/registry.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import { randomTensor } from "../delta/merge/deltas.ts";
import { goldenModel } from "../model/golden-models.ts";

const { config, weights } = await goldenModel("qwen2");
const base: NamedBase = { id: "owner/tiny", config, weight: async (name) => weights.get(name)! };
const { hiddenSize: D, ffnSize: F, vocabSize: V } = config;
const kv = config.kvHeads * config.headDim;

const Q = "layers.0.self_attn.q_proj";
const K = "layers.1.self_attn.k_proj";
const UP = "layers.1.mlp.up_proj";

const lowRank = (rows: number, rank: number, columns: number, name: string) => ({
  a: randomTensor([rows, rank], name, "a"),
  b: randomTensor([rank, columns], name, "b"),
});
const linears = (modules: Readonly<Record<string, CanonicalModule>>, parts: Partial<CanonicalDelta> = {}) => ({
  ...NO_DELTA,
  linears: new Map(Object.entries(modules)),
  ...parts,
});
const flags = (...values: number[]) => f32([values.length], values);

/** The adapters, and the delta that other tools read in their folders. */
async function written(delta: CanonicalDelta) {
  const adapters = await adaptersOf(delta, base);
  const read = await Promise.all(adapters.map(({ files }) => readAdapterFolder(files, base, ADAPTER_FORMATS)));
  for (const [index, { delta: found, parameters }] of read.entries()) {
    expect(found).toEqual(adapters[index]!.delta);
    expect(parameters).toBe(adapters[index]!.parameters);
  }
  return { adapters, read: sumDeltas(read.map(({ delta: part }) => ({ delta: part, weight: 1 }))) };
}

function expectTensor(found: Tensor<"f32"> | undefined, expected: Tensor<"f32"> | undefined) {
  expect(found?.shape).toEqual(expected?.shape);
  for (const [index, value] of (found?.data ?? []).entries()) expect(value).toBeCloseTo(expected!.data[index]!, 5);
}

describe("adaptersOf", () => {
  it("writes products as one LoRA, each layer with its own rank, the head and the embedding among them", async () => {
    const delta = linears(
      { [Q]: lowRank(D, 2, D, "q"), [K]: lowRank(D, 5, kv, "k"), lm_head: lowRank(D, 1, V, "head") },
      { embedding: lowRank(V, 3, D, "embedding") },
    );
    const { adapters, read } = await written(delta);
    expect(adapters.map(({ method }) => method)).toEqual(["lora"]);
    expect(read).toEqual(delta);
    const json = JSON.parse(new TextDecoder().decode(adapters[0]!.files.get("adapter_config.json")));
    const others = { [Q]: 2, lm_head: 1, embed_tokens: 3 };
    expect(json).toMatchObject({ r: 5, lora_alpha: 5, rank_pattern: others, alpha_pattern: others });
    expect(json.target_modules).toEqual(["embed_tokens", Q, K, "lm_head"]);
  });

  it("writes scales as (IA)³, and the remaining bias changes separately", async () => {
    const scale = randomTensor([kv], "scale");
    const bias = weights.get(biasName(K))!;
    const byPeft = f32(
      [kv],
      bias.data.map((value, index) => (scale.data[index]! - 1) * value),
    );
    const own = await written(linears({ [K]: { scale, bias: byPeft }, [UP]: { scale: randomTensor([F], "up") } }));
    expect(own.adapters.map(({ method }) => method)).toEqual(["ia3"]);

    const delta = linears({ [K]: { scale }, [Q]: { bias: randomTensor([D], "bias") } });
    const { adapters, read } = await written(delta);
    expect(adapters.map(({ method }) => method)).toEqual(["ia3", "bitfit"]);
    expectTensor(read.linears.get(K)?.scale, scale);
    expectTensor(read.linears.get(K)?.bias, f32([kv], new Float32Array(kv)));
    expectTensor(read.linears.get(Q)?.bias, delta.linears.get(Q)!.bias);
  });

  it("writes one bottleneck adapter for each kind that AdapterHub tells apart", async () => {
    const block = (
      columns: number,
      name: string,
      kinds: Pick<Record<"out" | "in" | "silu", number[]>, "out" | "in" | "silu">,
    ) => ({
      down: randomTensor([D, columns], name, "down"),
      downBias: randomTensor([columns], name, "down bias"),
      up: randomTensor([columns, D], name, "up"),
      upBias: randomTensor([D], name, "up bias"),
      fromOutput: flags(...kinds.out),
      fromStream: flags(...kinds.in),
      silu: flags(...kinds.silu),
    });
    const delta: CanonicalDelta = {
      ...NO_DELTA,
      bottlenecks: new Map([
        ["layers.0.self_attn", block(3, "attention", { out: [1, 1, 1], in: [0, 0, 0], silu: [1, 1, 1] })],
        ["layers.0.mlp", block(4, "first", { out: [1, 1, 0, 1], in: [1, 1, 1, 0], silu: [0, 0, 0, 1] })],
        ["layers.1.mlp", block(1, "second", { out: [1], in: [1], silu: [0] })],
      ]),
    };
    const { adapters, read } = await written(delta);
    // After attention; and after the network of the sum (2 and 1 columns), of the stream, of the result.
    expect(adapters.map(({ method }) => method)).toEqual(new Array(4).fill("bottleneck"));
    for (const [path, expected] of delta.bottlenecks) {
      const found = read.bottlenecks.get(path)!;
      expect(found.down).toEqual(expected.down);
      expect(found.up).toEqual(expected.up);
      expect(found.downBias).toEqual(expected.downBias);
      expect(found.upBias).toEqual(expected.upBias);
      expect([found.fromOutput, found.fromStream, found.silu]).toEqual([
        expected.fromOutput,
        expected.fromStream,
        expected.silu,
      ]);
    }
  });

  it("writes a prompt and a prefix as peft does", async () => {
    const states = Array.from({ length: config.layers }, (_, layer) => ({
      key: randomTensor([3, kv], "key", layer),
      value: randomTensor([3, kv], "value", layer),
    }));
    const delta = { ...NO_DELTA, prompt: randomTensor([2, D], "prompt"), prefix: states };
    const { adapters, read } = await written(delta);
    expect(adapters.map(({ method }) => method)).toEqual(["prompt", "prefix"]);
    expect(read).toEqual(delta);
  });

  it("writes nothing of nothing", async () => {
    expect(await adaptersOf(NO_DELTA, base)).toEqual([]);
  });
});
