import { describe, expect, it } from "vitest";
import { passFeatures, passInputs } from "../../../edge/runtime/pass-inputs.ts";
import { BARE, rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { JUDGE, perturbationGraph } from "../../../shared/model/perturbation-graph.ts";
import { PARTS, randomDelta, rowOf, TINY } from "./tiny-model.ts";

const NONE = { layout: "rows", factors: false, vectors: false, bottlenecks: "none", head: false, embedding: false };

describe("what a row needs of a graph", () => {
  it("is what its deltas have", () => {
    expect(passFeatures(BARE)).toEqual(NONE);
    const of = (part: (typeof PARTS)[number]) => passFeatures(rowOf("a", randomDelta("a", [part])));
    expect(of("factors")).toEqual({ ...NONE, factors: true });
    expect(of("biases")).toEqual({ ...NONE, vectors: true });
    expect(of("bottlenecks")).toEqual({ ...NONE, bottlenecks: "any" });
    expect(of("head")).toEqual({ ...NONE, head: true });
    expect(of("embedding")).toEqual({ ...NONE, embedding: true });
    // They are in the cache.
    expect(of("prefix")).toEqual(NONE);
    expect(of("prompt")).toEqual(NONE);
  });

  it("names exactly the inputs that the graph has beside weights, memory and aim", () => {
    const row = rowOf("a", randomDelta("a", PARTS));
    const features = passFeatures(row);
    const graph = perturbationGraph(TINY, {
      capacity: 8,
      features: { text: features, judge: features, reward: false },
    });
    const bare = perturbationGraph(TINY, {
      capacity: 8,
      features: { text: passFeatures(BARE), judge: passFeatures(BARE), reward: false },
    });
    const known = new Set(bare.inputs.map(({ name }) => name));
    const added = graph.inputs.map(({ name }) => name).filter((name) => !known.has(name));
    const names = [...passInputs(TINY, row, features).keys()];
    // The text's embedding and the judge's head are not in it.
    const text = names.filter((name) => !name.startsWith("embedding."));
    const judge = names.filter((name) => !name.startsWith("head.")).map((name) => `${JUDGE}${name}`);
    expect([...text, ...judge].sort()).toEqual(added.sort());
  });
});

it("puts deltas beside each other, with their weights in the part that a weight multiplies", () => {
  const deltas = ["a", "bb"].map((key) => servingDelta(key, randomDelta(key, ["factors", "embedding"])));
  const row = rowDeltas([
    { delta: deltas[0]!, weight: 2 },
    { delta: deltas[1]!, weight: -1 },
  ]);
  const inputs = passInputs(TINY, row, passFeatures(row));
  for (const [path, { count }] of deltas[0]!.sites.factors) {
    const second = deltas[1]!.sites.factors.get(path);
    const [a, b] = [inputs.get(`${path}.A`)!, inputs.get(`${path}.B`)!];
    expect(b.shape[1]).toBe(count + (second?.count ?? 0));
    expect([...a.data]).toEqual(
      [deltas[0]!, ...(second === undefined ? [] : [deltas[1]!])].flatMap((d) => [
        ...d.sites.factors.get(path)!.parts[0]!,
      ]),
    );
    const [first] = [...deltas[0]!.sites.factors.get(path)!.parts[1]!];
    expect(b.data[0]).toBeCloseTo(2 * first!, 6);
  }
  const { a, b } = deltas[1]!.outerLayers.embedding!;
  const table = inputs.get("embedding.A")!;
  expect(table.shape).toEqual([TINY.vocabSize, 8]);
  expect([...table.data.subarray(12, 16)]).toEqual([...a.data.subarray(4, 8)]);
  expect(inputs.get("embedding.B")!.data[4 * TINY.hiddenSize]).toBeCloseTo(-b.data[0]!, 6);
});
