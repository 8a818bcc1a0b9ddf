import { describe, expect, it } from "vitest";
import { KvSlab } from "../../../edge/runtime/kv-slab.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { OwnPast, pastBytes } from "../../../edge/runtime/own-past.ts";
import { residentCopy } from "../../../edge/runtime/resident-tensor.ts";
import { cacheNames } from "../../../shared/model/decode-graph.ts";
import { f32 } from "../../../shared/tensor.ts";
import { TINY } from "./tiny-model.ts";

const ort = await loadOrtModule();
const { kvHeads, layers } = TINY;

/** A number that tells layer, part, head, place and element apart. */
const mark = (layer: number, part: number, head: number, place: number, i: number) =>
  10_000 * (2 * layer + part) + 1000 * head + 20 * place + i;

/** What a past holds, place by place: marks, or zeros. */
function expectMarked(past: OwnPast, headDim: number, isMarked: (place: number) => boolean): void {
  for (const [layer, pair] of past.layers.entries()) {
    for (const [kind, part] of (["key", "value"] as const).entries()) {
      const expected = Array.from({ length: kvHeads * past.places * headDim }, (_, at) => {
        const place = Math.floor(at / headDim) % past.places;
        const head = Math.floor(at / headDim / past.places);
        return isMarked(place) ? mark(layer, kind, head, place, at % headDim) : 0;
      });
      expect([...pair[part].view()]).toEqual(expected);
    }
  }
}

describe.each([8, 12])("a past with heads of width %d", (headDim) => {
  const config = { ...TINY, headDim };

  it("takes positions of a slot, grows by empty places and takes single ones", () => {
    const slab = new KvSlab(ort, config, { slots: 3, capacity: 9 });
    const prefix = Array.from({ length: layers }, (_, layer) => {
      const rows = (part: number) =>
        f32(
          [5, kvHeads * headDim],
          Array.from({ length: 5 * kvHeads * headDim }, (_, at) =>
            mark(layer, part, Math.floor(at / headDim) % kvHeads, Math.floor(at / headDim / kvHeads), at % headDim),
          ),
        );
      return { key: rows(0), value: rows(1) };
    });
    slab.writePrefix(1, prefix);
    const past = new OwnPast(ort, config, 7);
    past.grow(3);
    past.take(slab, 1, { from: 0, to: 2 });
    expectMarked(past, headDim, (place) => place < 2);
    past.grow(6);
    expectMarked(past, headDim, (place) => place < 2);
    past.take(slab, 1, { from: 2, to: 4 });
    expectMarked(past, headDim, (place) => place < 4);
    const own = Array.from({ length: layers }, (_, layer) => {
      const at = (part: number) =>
        residentCopy(
          ort,
          f32(
            [kvHeads, 1, headDim],
            Array.from({ length: kvHeads * headDim }, (_, i) =>
              mark(layer, part, Math.floor(i / headDim), 5, i % headDim),
            ),
          ),
        );
      return { key: at(0), value: at(1) };
    });
    past.put(5, own);
    expectMarked(past, headDim, (place) => place !== 4);
    past.grow(7);
    expectMarked(past, headDim, (place) => place !== 4 && place !== 6);
    // The slab is as it was.
    const other = new OwnPast(ort, config, 5);
    other.grow(5);
    other.take(slab, 1, { from: 0, to: 5 });
    expectMarked(other, headDim, () => true);
    expect(
      slab
        .window(0, 1)
        .past[cacheNames(0).key]!.view()
        .every((x) => Number(x) === 0),
    ).toBe(true);
  });

  it("takes the bytes that it says, and gives them back", () => {
    const before = ort.residentBytes;
    const past = new OwnPast(ort, config, 7);
    expect(ort.residentBytes - before).toBe(pastBytes(config, 7));
    past.grow(4);
    expect(past.named("judge.")["judge.past.1.value"]!.shape).toEqual([kvHeads, 4, headDim]);
    past.dispose();
    expect(ort.residentBytes).toBe(before);
  });
});

it("frees what it has where the heap has no room for the rest", () => {
  const before = ort.residentBytes;
  expect(() => new OwnPast(ort, TINY, 500_000)).toThrow(expect.objectContaining({ code: "capacity_exceeded" }));
  expect(ort.residentBytes).toBe(before);
});
