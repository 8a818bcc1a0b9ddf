import { describe, expect, it } from "vitest";
import { BARE, commonInput, rowDeltas, type ServingDelta, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { canonicalTensors } from "../../../shared/delta/serving-file.ts";
import { HEAD_PATH } from "../../../shared/model/modules.ts";
import { f32 } from "../../../shared/tensor.ts";
import { PARTS, type Part, randomDelta } from "./tiny-model.ts";

const Q = "layers.0.self_attn.q_proj";
const FFN = "layers.0.mlp";
const make = (key: string, parts: readonly Part[], sizes = {}) => servingDelta(key, randomDelta(key, parts, sizes));

/** All values of a serving delta. */
function numbersOf({ sites, outerLayers, nonColumnParts }: ServingDelta): number[][] {
  const columns = [...sites.factors.values(), ...sites.bottlenecks.values()].flatMap(({ parts }) => parts);
  const head = outerLayers.head === undefined ? [] : [[HEAD_PATH, outerLayers.head] as const];
  const linears = new Map([...nonColumnParts.linears, ...head]);
  const embedding = outerLayers.embedding === undefined ? {} : { embedding: outerLayers.embedding };
  const others = canonicalTensors({ ...nonColumnParts, ...embedding, linears });
  return [...columns, ...[...others.values()].map(({ data }) => data)].map((data) => [...data]);
}

describe("servingDelta", () => {
  it("makes each column contiguous, and keeps the other parts as they are", () => {
    const delta = randomDelta("a", PARTS);
    const { key, columns, sites, outerLayers, nonColumnParts, hasVectors } = servingDelta("a", delta);
    expect([key, columns, hasVectors]).toEqual(["a", { factors: 4, bottlenecks: 5 }, true]);
    const [path] = [...sites.factors.keys()];
    const module = delta.linears.get(path!)!;
    const { count, parts } = sites.factors.get(path!)!;
    const [a, b] = parts;
    expect(count).toBe(4);
    expect([a![0], a![1]]).toEqual([module.a!.data[0], module.a!.data[4]]);
    expect(b).toEqual(module.b!.data);
    const bottleneck = delta.bottlenecks.get(FFN)!;
    const [down, up, ...vectors] = sites.bottlenecks.get(FFN)!.parts;
    expect([down![0], down![1]]).toEqual([bottleneck.down.data[0], bottleneck.down.data[5]]);
    expect(up).toEqual(bottleneck.up.data);
    const { downBias, fromOutput, fromStream, silu } = bottleneck;
    expect(vectors).toEqual([downBias, fromOutput, fromStream, silu].map(({ data }) => data));
    expect(nonColumnParts.linears.get(path!)).toEqual({ scale: module.scale, bias: module.bias });
    expect(nonColumnParts.linears.get(FFN)).toEqual({ bias: bottleneck.upBias });
    expect(outerLayers).toEqual({ head: delta.linears.get(HEAD_PATH), embedding: delta.embedding });
    expect([nonColumnParts.linears.has(HEAD_PATH), nonColumnParts.embedding]).toEqual([false, undefined]);
    expect([nonColumnParts.prompt, nonColumnParts.prefix]).toEqual([delta.prompt, delta.prefix]);
  });

  it("copies its source", () => {
    const delta = randomDelta("a", PARTS);
    const before = JSON.stringify(numbersOf(servingDelta("a", delta)));
    const made = servingDelta("a", delta);
    for (const { data } of canonicalTensors(delta).values()) data.fill(7);
    expect(JSON.stringify(numbersOf(made))).toBe(before);
  });

  it("has the rank of its largest layer, not counting the head", () => {
    const [small, large] = [
      randomDelta("a", ["factors"], { rank: 2 }),
      randomDelta("a", ["factors", "head"], { rank: 7 }),
    ];
    const linears = new Map([...large.linears].slice(-2).concat([...small.linears].slice(0, 3)));
    expect(servingDelta("a", { ...small, linears }).columns.factors).toBe(7);
    const head = new Map([...large.linears].filter(([path]) => path === HEAD_PATH));
    expect(servingDelta("a", { ...small, linears: head })).toMatchObject({
      columns: { factors: 0, bottlenecks: 0 },
      hasVectors: false,
    });
  });

  it("keeps a scorer apart, whatever weight its delta has in a row", () => {
    const delta = randomDelta("a", ["factors", "biases"]);
    const scorer = {
      weight: f32([2, 2], [1, 2, 3, 4]),
      bias: f32([2], [5, 6]),
      tokens: { a: f32([2, 2], [1, 2, 3, 4]), t: f32([3, 1], [1, 2, 3]) },
      about: { labels: ["a", "b"], lead: [1], temperatures: { lookahead: 1, token_values: 2 } },
    };
    const served = servingDelta("a", { ...delta, scorer });
    expect(served.scorer).toEqual(scorer);
    expect(served.scorer!.weight.data).not.toBe(scorer.weight.data);
    expect(servingDelta("a", delta).scorer).toBeUndefined();
    expect(served.sites).toEqual(servingDelta("a", delta).sites);
    expect(rowDeltas([{ delta: served, weight: 0.5 }])).toMatchObject({ columns: served.columns });
  });

  it.each<[Part, boolean]>([
    ["factors", false],
    ["scales", true],
    ["biases", true],
    ["bottlenecks", false],
    ["head", false],
  ])("knows whether layers have vectors: %s", (part, has) => {
    expect(make("a", [part]).hasVectors).toBe(has);
  });
});

describe("what bottlenecks read", () => {
  const flagged = (...flags: (readonly [output: number, stream: number])[]) => {
    const delta = randomDelta("a", ["bottlenecks"], { columns: 2 });
    const paths = [...delta.bottlenecks.keys()];
    const bottlenecks = paths.map((path, i) => {
      const [output, stream] = flags[i % flags.length]!;
      const all = (value: number) => f32([2], [value, value]);
      return [path, { ...delta.bottlenecks.get(path)!, fromOutput: all(output), fromStream: all(stream) }] as const;
    });
    return servingDelta("a", { ...delta, bottlenecks: new Map(bottlenecks) }).bottleneckInput;
  };

  it("is known if all columns of all blocks read the same", () => {
    expect(flagged([1, 0])).toBe("output");
    expect(flagged([0, 1])).toBe("stream");
    expect(flagged([1, 1])).toBe("any");
    expect(flagged([0, 0])).toBe("any");
    expect(flagged([1, 0], [0, 1])).toBe("any");
    expect(make("a", ["factors"]).bottleneckInput).toBe("none");
  });

  it("combines over rows and deltas", () => {
    expect(commonInput([])).toBe("none");
    expect(commonInput(["none", "output", "none", "output"])).toBe("output");
    expect(commonInput(["stream", "output"])).toBe("any");
    expect(commonInput(["any", "none"])).toBe("any");
    expect(rowDeltas([{ delta: make("a", ["bottlenecks"]), weight: 1 }]).bottleneckInput).toBe("any");
  });
});

describe("rowDeltas", () => {
  it("puts columns side by side and sums the other parts", () => {
    const [a, b] = [make("a", ["factors", "biases"]), make("bb", PARTS, { rank: 3 })];
    const row = rowDeltas([
      { delta: a, weight: 0.5 },
      { delta: b, weight: 1 },
    ]);
    expect(row).toMatchObject({
      columns: { factors: 7, bottlenecks: 5 },
      hasVectors: true,
      prefixTokens: 3,
      virtualTokens: 3,
    });
    expect(row.siteColumns.get(Q)).toBe(a.sites.factors.get(Q)!.count + b.sites.factors.get(Q)!.count);
    expect(row.siteColumns.get("layers.0.self_attn")).toBe(5);
    expect(row.terms.map(({ delta, weight }) => [delta.key, weight])).toEqual([
      ["a", 0.5],
      ["bb", 1],
    ]);
    const biases = [a, b].map(({ nonColumnParts }) => nonColumnParts.linears.get(Q)?.bias?.data[0] ?? 0);
    expect(row.nonColumnParts.linears.get(Q)!.bias!.data[0]).toBeCloseTo(0.5 * biases[0]! + biases[1]!, 6);
  });

  it("leaves deltas without columns out of the terms, and those of weight 0 out of everything", () => {
    const [prompt, factors] = [make("p", ["prompt", "head"]), make("f", ["factors"])];
    const row = rowDeltas([
      { delta: prompt, weight: 1 },
      { delta: factors, weight: 0 },
    ]);
    expect(row).toMatchObject({ terms: [], virtualTokens: 3, columns: { factors: 0 }, hasVectors: false });
    expect(rowDeltas([{ delta: factors, weight: 0 }])).toBe(BARE);
    expect(rowDeltas([])).toBe(BARE);
  });

  it("rejects deltas that cannot be summed", () => {
    const prompt = make("p", ["prompt"]);
    expect(() => rowDeltas([{ delta: prompt, weight: 0.5 }])).toThrow(
      expect.objectContaining({ code: "invalid_delta" }),
    );
  });
});
