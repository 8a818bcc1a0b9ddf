import { describe, expect, it } from "vitest";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { WeightSet } from "../../../edge/runtime/weight-set.ts";
import { EMBEDDING, HEAD, parameterCount } from "../../../shared/model/modules.ts";
import { f32 } from "../../../shared/tensor.ts";
import { TINY, TINY_WEIGHTS } from "./tiny-model.ts";

const MIB = 1024 * 1024;

describe("WeightSet", () => {
  it("copies every weight into the heap, and frees the memory", async () => {
    const ort = await loadOrtModule();
    const before = ort.residentBytes;
    const set = new WeightSet(ort, TINY_WEIGHTS);
    expect(ort.residentBytes - before).toBe(4 * parameterCount(TINY));
    expect(Object.keys(set.tensors)).toEqual([...TINY_WEIGHTS.keys()]);
    for (const [name, { shape, data }] of TINY_WEIGHTS) {
      expect(set.tensors[name]!.shape).toEqual(shape);
      expect(set.tensors[name]!.view()).toEqual(data);
    }
    set.dispose();
    expect(ort.residentBytes).toBe(before);
  });

  it("gives the decode graph its inputs, and the host the embeddings", async () => {
    const ort = await loadOrtModule();
    const set = new WeightSet(ort, TINY_WEIGHTS);
    const table = TINY_WEIGHTS.get(EMBEDDING)!.data;
    expect(set.embedding(3)).toEqual(table.slice(3 * TINY.hiddenSize, 4 * TINY.hiddenSize));
    expect(Object.keys(set.inputs)).toEqual([...TINY_WEIGHTS.keys()].filter((name) => name !== EMBEDDING));
    const tied = new Map([...TINY_WEIGHTS].filter(([name]) => name !== HEAD));
    expect(Object.keys(new WeightSet(ort, tied).inputs)).toEqual([...tied.keys()]);
  });

  it("gives matrices of linear layers with two more axes to graphs that take rows apart", async () => {
    const ort = await loadOrtModule();
    const set = new WeightSet(ort, TINY_WEIGHTS);
    for (const [name, tensor] of Object.entries(set.inputsApart)) {
      const { shape, data } = TINY_WEIGHTS.get(name)!;
      const isLinear = shape.length === 2 && name !== HEAD;
      expect(tensor.shape).toEqual(isLinear ? [1, 1, ...shape] : shape);
      expect(tensor.view()).toEqual(data);
    }
    expect(Object.keys(set.inputsApart).sort()).toEqual(Object.keys(set.inputs).sort());
    // Of the feed-forward network.
    expect(set.largestMatrix).toBe(1536);
  });

  it("keeps nothing if the weights do not all fit in the heap", async () => {
    const ort = await loadOrtModule({ heapLimitBytes: 24 * MIB });
    const large = () => f32([6 * MIB], new Float32Array(3 * MIB * 2));
    const weights = new Map([
      ["small", f32([2], [1, 2])],
      ["large", large()],
    ]);
    expect(() => new WeightSet(ort, weights)).toThrow(expect.objectContaining({ code: "capacity_exceeded" }));
    expect(ort.residentBytes).toBe(0);
  });
});
