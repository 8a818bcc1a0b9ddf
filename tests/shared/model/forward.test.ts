import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import { formatType } from "../../../shared/graph/value-type.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { forward, head, weightInputs } from "../../../shared/model/forward.ts";
import {
  adaptableModules,
  blockPaths,
  EMBEDDING,
  HEAD,
  weightName,
  weightSpecs,
} from "../../../shared/model/modules.ts";
import type { ModelRewrite } from "../../../shared/model/rewrite.ts";
import { tapNames, tapWidth } from "../../../shared/model/taps.ts";
import type { Weights } from "../../../shared/model/weights.ts";
import { f32, i64 } from "../../../shared/tensor.ts";
import { takenBy } from "../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { goldenModel, largestDifference } from "./golden-models.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const TOKENS = i64([1, 4], [15, 4, 25, 86]);
const { config, weights } = await goldenModel("plain");

interface Options {
  readonly config?: ModelConfig;
  readonly rewrite?: (b: GraphBuilder) => ModelRewrite;
  readonly attended?: string[];
  readonly tap?: (name: string, value: Value) => void;
  /** The tokens whose result is read, all by default. */
  readonly read?: readonly number[];
  /** More outputs, asked for when the graph is built. */
  readonly outputs?: () => Record<string, Value>;
}

/** The decoder with an attention in which every token sees itself alone: each query head takes its group's values. */
function build(options: Options = {}) {
  const model = options.config ?? config;
  const b = new GraphBuilder("forward");
  const tokens = b.input("tokens", "i64", TOKENS.shape);
  const weight = weightInputs(b, new Map(weightSpecs(model).map(({ name, shape }) => [name, shape])));
  const attend: Parameters<typeof forward>[0]["attend"] = (layer, q, k, v) => {
    options.attended?.push(`${layer}: ${[q, k, v].map(formatType).join(" ")}`);
    const groups = b.reshape(v, [1, 4, model.kvHeads, 1, model.headDim]);
    return b.reshape(b.expand(groups, [1, 4, model.kvHeads, model.heads / model.kvHeads, model.headDim]), [
      1,
      4,
      model.heads * model.headDim,
    ]);
  };
  const rewrite = options.rewrite?.(b) ?? {};
  const { read } = options;
  const places = read === undefined ? undefined : b.constant(i64([read.length], [...read]));
  const hidden = forward({
    b,
    config: model,
    tokens,
    weight,
    attend,
    rewrite,
    ...(options.tap === undefined ? {} : { tap: options.tap }),
    ...(places === undefined
      ? {}
      : { read: (x: Value) => b.gather(b.reshape(x, [TOKENS.data.length, x.shape[2]!]), places) }),
  });
  return b.build({ hidden, logits: head({ b, config: model, weight, rewrite }, hidden), ...options.outputs?.() });
}

async function run(options: Options & { weights?: Weights } = {}) {
  const graph = build(options);
  const program = await executor.compile(graph, { bindings: takenBy(graph, options.weights ?? weights) });
  const { hidden, logits } = await program.run({ tokens: TOKENS });
  await program.dispose();
  return { hidden: hidden!.data as Float32Array, logits: logits!.data as Float32Array };
}

/** The same, in plain loops. x [D] → hidden [D]; `steer` gives what is added to the stream after a layer. */
function reference(token: number, steer: (layer: number) => readonly number[] | undefined = () => undefined): number[] {
  const at = (name: string) => weights.get(name)!;
  const linear = (path: string, x: readonly number[]) => {
    const { shape, data } = at(weightName(path));
    return Array.from({ length: shape[1]! }, (_, o) =>
      x.reduce((sum, xi, i) => sum + xi * data[i * shape[1]! + o]!, 0),
    );
  };
  const norm = (name: string, x: readonly number[]) => {
    const scale = 1 / Math.sqrt(x.reduce((sum, xi) => sum + xi * xi, 0) / x.length + config.normEpsilon);
    return x.map((xi, i) => xi * scale * at(name).data[i]!);
  };
  const plus = (x: readonly number[], y: readonly number[]) => x.map((xi, i) => xi + y[i]!);
  let hidden = Array.from(at(EMBEDDING).data.slice(token * config.hiddenSize, (token + 1) * config.hiddenSize));
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `layers.${layer}`;
    const v = linear(`${prefix}.self_attn.v_proj`, norm(`model.${prefix}.input_layernorm.weight`, hidden));
    const repeated = Array.from({ length: config.heads * config.headDim }, (_, i) => {
      const group = Math.floor(i / config.headDim / (config.heads / config.kvHeads));
      return v[group * config.headDim + (i % config.headDim)]!;
    });
    hidden = plus(hidden, linear(`${prefix}.self_attn.o_proj`, repeated));
    const z = norm(`model.${prefix}.post_attention_layernorm.weight`, hidden);
    const up = linear(`${prefix}.mlp.up_proj`, z);
    const gated = linear(`${prefix}.mlp.gate_proj`, z).map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!);
    hidden = plus(hidden, linear(`${prefix}.mlp.down_proj`, gated));
    hidden = plus(hidden, steer(layer) ?? new Array<number>(config.hiddenSize).fill(0));
  }
  return norm("model.norm.weight", hidden);
}

describe("forward", { timeout: 30_000 }, () => {
  it("computes norms, gated feed-forward and residuals as written out by hand", async () => {
    const { hidden, logits } = await run();
    const expected = Array.from(TOKENS.data, (token) => reference(Number(token)));
    expect(largestDifference(hidden, expected.flat())).toBeLessThan(1e-4);
    const { data } = weights.get(HEAD)!;
    const last = expected.at(-1)!;
    const scores = Array.from({ length: config.vocabSize }, (_, v) =>
      last.reduce((sum, x, i) => sum + x * data[v * config.hiddenSize + i]!, 0),
    );
    expect(largestDifference(logits.slice(-config.vocabSize), scores)).toBeLessThan(1e-4);
  });

  it("gives the tokens that are read as among all, and computes the last layer's MLP of no others", async () => {
    const [all, some] = [await run(), await run({ read: [3, 1] })];
    const width = config.hiddenSize;
    const expected = [3, 1].map((place) => all.hidden.slice(place * width, (place + 1) * width));
    for (const [i, row] of expected.entries()) {
      expect(largestDifference(some.hidden.slice(i * width, (i + 1) * width), row)).toBeLessThan(1e-6);
    }
    expect(some.logits).toHaveLength(2 * config.vocabSize);
    const shapes: string[] = [];
    build({ read: [3, 1], tap: (name, value) => void shapes.push(`${name} ${value.shape}`) });
    const last = `layers.${config.layers - 1}`;
    expect(shapes).toContain(`${last}.mlp.down_proj.input 2,${config.ffnSize}`);
    expect(shapes).toContain(`${last}.self_attn.q_proj.input 1,4,${width}`);
    expect(shapes).toContain(`layers.${config.layers - 2} 1,4,${width}`);
  });

  it("hands attention each layer's query, key and value", () => {
    const attended: string[] = [];
    build({ attended });
    const types = "f32[1, 4, 32] f32[1, 4, 16] f32[1, 4, 16]";
    expect(attended).toEqual([`0: ${types}`, `1: ${types}`]);
  });

  it("offers every linear layer to a rewrite once, with its input and its result", () => {
    const sites: string[] = [];
    build({
      rewrite: () => ({
        linear: ({ path, x, product }) => {
          sites.push(`${path} ${x.shape.at(-1)} → ${product.shape.at(-1)}`);
          return {};
        },
      }),
    });
    expect(sites).toEqual(adaptableModules(config).map((module) => `${module.path} ${module.in} → ${module.out}`));
  });

  it("offers every tap once, in the order of the computation, with what the rewrite made of it", async () => {
    const taps = new Map<string, Value>();
    const order: string[] = [];
    const tap = (name: string, value: Value) => {
      order.push(name);
      taps.set(name, value);
    };
    const seven = (b: GraphBuilder) => [b.scalar(7)];
    const graph = build({
      tap,
      outputs: () => Object.fromEntries([...taps].filter(([name]) => name.startsWith("layers.0"))),
      rewrite: (b) => ({
        block: ({ path }) => (path === "layers.0.mlp" ? seven(b) : []),
        stream: ({ layer }) => (layer === 0 ? seven(b) : []),
      }),
    });
    expect(order).toEqual(tapNames(config));
    for (const [name, value] of taps) expect(value.shape, name).toEqual([1, 4, tapWidth(config, name)]);
    const program = await executor.compile(graph, { bindings: takenBy(graph, weights) });
    const got = await program.run({ tokens: TOKENS });
    await program.dispose();
    const plain = build({ tap, outputs: () => Object.fromEntries([...taps].map(([name, value]) => [name, value])) });
    const before = await executor.compile(plain, { bindings: takenBy(plain, weights) });
    const without = await before.run({ tokens: TOKENS });
    await before.dispose();
    const change = (name: string) => {
      const [y, x] = [got, without].map((all) => all[name]!.data as Float32Array) as [Float32Array, Float32Array];
      return y.map((value, i) => value - x[i]!);
    };
    expect(largestDifference(change("layers.0.mlp"), new Array(4 * 32).fill(7))).toBeLessThan(1e-5);
    expect(largestDifference(change("layers.0"), new Array(4 * 32).fill(14))).toBeLessThan(1e-5);
    expect(got["layers.0.self_attn"]!.data).toEqual(without["layers.0.self_attn"]!.data);
  });

  it("adds what the rewrite gives to the result", async () => {
    const path = "layers.1.mlp.down_proj";
    const rewritten = await run({
      rewrite: (b) => ({
        linear: ({ path: at, x }) => {
          if (at !== path) return {};
          const ones = b.constant(f32([config.ffnSize, config.hiddenSize], new Float32Array(64 * 32).fill(0.25)));
          return { added: [b.matmul(x, ones)] };
        },
      }),
    });
    const { shape, data } = weights.get(weightName(path))!;
    const merged = await run({
      weights: new Map([
        ...weights,
        [
          weightName(path),
          f32(
            shape,
            data.map((w) => w + 0.25),
          ),
        ],
      ]),
    });
    expect(largestDifference(rewritten.logits, merged.logits)).toBeLessThan(1e-4);
    expect(largestDifference(rewritten.logits, (await run()).logits)).toBeGreaterThan(0.1);
  });

  it("multiplies another input for a rewrite, of every layer and by the rewrite's own product", async () => {
    const linear: ModelRewrite["linear"] = ({ x, multiply }) => ({ added: [multiply(x)] });
    const doubled = await run({ rewrite: (b) => ({ linear: () => ({ scale: b.scalar(2) }) }) });
    expect(largestDifference((await run({ rewrite: () => ({ linear }) })).logits, doubled.logits)).toBeLessThan(1e-5);
    const halved = await run({
      rewrite: (b) => ({
        linear,
        product: (path, x) => b.mul(b.matmul(x, b.constant(weights.get(weightName(path))!)), 0.5),
      }),
    });
    const once = await run({
      rewrite: (b) => ({ linear: ({ path }) => (path === "lm_head" ? { scale: b.scalar(2) } : {}) }),
    });
    expect(largestDifference(halved.logits, once.logits)).toBeLessThan(1e-5);
  });

  it("scores with the embedding where the head is tied to it", async () => {
    const tied = await run({ config: { ...config, tied: true } });
    const copied = await run({ weights: new Map([...weights, [HEAD, weights.get(EMBEDDING)!]]) });
    expect(tied.logits).toEqual(copied.logits);
    expect(largestDifference(tied.logits, (await run()).logits)).toBeGreaterThan(0.1);
  });

  it("adds a bias where the model has one", async () => {
    const qwen = { ...config, modelType: "qwen2", attentionBias: true } as const;
    const biases = weightSpecs(qwen).filter(({ name }) => name.endsWith(".bias"));
    const filled = (value: number): Weights =>
      new Map([
        ...weights,
        ...biases.map(({ name, shape }) => [name, f32(shape, new Float32Array(shape[0]!).fill(value))] as const),
      ]);
    expect(largestDifference((await run({ config: qwen, weights: filled(0) })).logits, (await run()).logits)).toBe(0);
    // With attention that returns the values, a bias on them is a constant added before o_proj; those on q and k do nothing.
    const raised = await run({ config: qwen, weights: filled(0.5) });
    const by = await run({
      rewrite: (b) => ({ linear: ({ path }) => (path.endsWith("v_proj") ? { added: [b.scalar(0.5)] } : {}) }),
    });
    expect(largestDifference(raised.logits, by.logits)).toBeLessThan(1e-5);
    expect(largestDifference(raised.logits, (await run()).logits)).toBeGreaterThan(0.01);
  });
});

describe("rewrites", () => {
  const qwen = { ...config, modelType: "qwen2", attentionBias: true } as const;
  const path = "layers.0.self_attn.v_proj";
  const biased: Weights = new Map([
    ...weights,
    ...weightSpecs(qwen)
      .filter(({ name }) => name.endsWith(".bias"))
      .map(({ name, shape }) => [name, f32(shape, new Float32Array(shape[0]!).fill(0.5))] as const),
  ]);
  const scaledWeight = (factor: number): Weights => {
    const { shape, data } = biased.get(weightName(path))!;
    return new Map([
      ...biased,
      [
        weightName(path),
        f32(
          shape,
          data.map((w) => w * factor),
        ),
      ],
    ]);
  };

  it("scale the product with the weight and leave the bias alone", async () => {
    const scale = f32([16], new Float32Array(16).fill(3));
    const by = await run({
      config: qwen,
      weights: biased,
      rewrite: (b) => ({ linear: (site) => (site.path === path ? { scale: b.constant(scale) } : {}) }),
    });
    const merged = await run({ config: qwen, weights: scaledWeight(3) });
    expect(largestDifference(by.logits, merged.logits)).toBeLessThan(1e-5);
    expect(largestDifference(by.logits, (await run({ config: qwen, weights: biased })).logits)).toBeGreaterThan(0.05);
  });

  it("see the stream and the result of both parts of every block, and add to the stream", async () => {
    const seen: string[] = [];
    const by = await run({
      rewrite: (b) => ({
        block: ({ path: at, stream, y }) => {
          seen.push(at);
          return at === "layers.1.mlp" ? [b.neg(y), b.neg(stream)] : [];
        },
      }),
    });
    expect(seen).toEqual(blockPaths(config));
    // The last block's sum is taken back whole: the final norm of zeros.
    expect(by.hidden.every((value) => Math.abs(value) < 1e-3)).toBe(true);
    expect((await run()).hidden.some((value) => Math.abs(value) > 0.1)).toBe(true);
  });

  it("add to the stream after a layer, as written out by hand", async () => {
    const vectors = [0, 1].map((layer) => Array.from({ length: config.hiddenSize }, (_, i) => Math.sin(layer + i)));
    const expected = (steered: readonly number[]) =>
      Array.from(TOKENS.data, (token) =>
        reference(Number(token), (layer) => (steered.includes(layer) ? vectors[layer] : undefined)),
      ).flat();
    for (const steered of [[0], [1], [0, 1]]) {
      const by = await run({
        rewrite: (b) => ({
          stream: ({ layer }) => (steered.includes(layer) ? [b.constant(f32([32], vectors[layer]!))] : []),
        }),
      });
      expect(largestDifference(by.hidden, expected(steered))).toBeLessThan(1e-4);
      expect(largestDifference(by.hidden, expected([]))).toBeGreaterThan(0.1);
    }
  });

  it("add a constant to the stream as a bias of the layer's last linear layer does", async () => {
    const term = (b: GraphBuilder) => [
      b.constant(
        f32(
          [32],
          Float32Array.from({ length: 32 }, (_, i) => i / 20),
        ),
      ),
    ];
    const stream = await run({ rewrite: (b) => ({ stream: ({ layer }) => (layer === 0 ? term(b) : []) }) });
    const bias = await run({
      rewrite: (b) => ({ linear: ({ path: at }) => (at === "layers.0.mlp.down_proj" ? { added: term(b) } : {}) }),
    });
    expect(largestDifference(stream.logits, bias.logits)).toBeLessThan(1e-5);
    expect(largestDifference(stream.logits, (await run()).logits)).toBeGreaterThan(0.1);
  });

  it("put other embeddings in the place of the tokens'", async () => {
    const { data } = weights.get(EMBEDDING)!;
    const row = f32([config.hiddenSize], data.slice(7 * config.hiddenSize, 8 * config.hiddenSize));
    const by = await run({ rewrite: (b) => ({ embed: ({ y }) => b.add(b.mul(y, 0), b.constant(row)) }) });
    const last = (logits: Float32Array) => logits.slice(-config.vocabSize);
    const table = new Map([...weights, [EMBEDDING, f32([config.vocabSize, 32], repeat(row.data, config.vocabSize))]]);
    expect(last(by.logits)).toEqual(last((await run({ weights: table })).logits));
  });

  it("compute a product by other means, and its weight is no input then", () => {
    const graph = build({
      rewrite: (b) => ({
        product: (at, x) => (at === path ? b.matmul(x, b.input("other", "f32", [32, 16])) : undefined),
      }),
    });
    const names = graph.inputs.map(({ name }) => name);
    expect(names).toContain("other");
    expect(names).not.toContain(weightName(path));
  });

  it("change the head as any other layer", async () => {
    const ones = f32([config.vocabSize], new Float32Array(config.vocabSize).fill(1));
    const by = await run({
      rewrite: (b) => ({ linear: ({ path: at }) => (at === "lm_head" ? { added: [b.constant(ones)] } : {}) }),
    });
    const { logits } = await run();
    expect(
      largestDifference(
        by.logits,
        logits.map((value) => value + 1),
      ),
    ).toBeLessThan(1e-6);
  });
});

function repeat(row: Float32Array, times: number): Float32Array {
  const result = new Float32Array(row.length * times);
  for (let at = 0; at < times; at++) result.set(row, at * row.length);
  return result;
}

describe("weightInputs", () => {
  it("makes one input per name, on first use", () => {
    const b = new GraphBuilder("inputs");
    const weight = weightInputs(
      b,
      new Map([
        ["a", [2]],
        ["b", [3, 4]],
      ]),
    );
    const a = weight("a");
    expect(weight("a")).toBe(a);
    expect(b.build({ a }).inputs.map(({ name, value }) => `${name} ${formatType(value)}`)).toEqual(["a f32[2]"]);
  });
});
