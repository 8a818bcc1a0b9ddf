import { describe, expect, it } from "vitest";
import { KvSlab } from "../../../edge/runtime/kv-slab.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { cacheNames } from "../../../shared/model/decode-graph.ts";
import { f32 } from "../../../shared/tensor.ts";
import { TINY } from "./tiny-model.ts";

const SLOTS = 3;
const CAPACITY = 6;
const { layers, kvHeads, headDim } = TINY;

/** A number that tells layer, kind, slot, head, position and element apart. */
const mark = (layer: number, kind: number, slot: number, head: number, position: number, i: number) =>
  ((((layer * 2 + kind) * SLOTS + slot) * kvHeads + head) * CAPACITY + position) * headDim + i + 1;

async function markedSlab() {
  const ort = await loadOrtModule();
  const slab = new KvSlab(ort, TINY, { slots: SLOTS, capacity: CAPACITY });
  each(slab, (at, view, index) => {
    view[index] = mark(...at);
  });
  return { ort, slab };
}

type At = [layer: number, kind: number, slot: number, head: number, position: number, i: number];

/** Visits every element of the slab, through the window over all slots. */
function each(slab: KvSlab, visit: (at: At, view: Float32Array, index: number) => void): void {
  const { past } = slab.window(0, SLOTS);
  for (let layer = 0; layer < layers; layer++) {
    const names = cacheNames(layer);
    [names.key, names.value].forEach((name, kind) => {
      const view = past[name]!.view() as Float32Array;
      for (let index = 0; index < view.length; index++) {
        const i = index % headDim;
        const position = Math.floor(index / headDim) % CAPACITY;
        const head = Math.floor(index / headDim / CAPACITY) % kvHeads;
        const slot = Math.floor(index / headDim / CAPACITY / kvHeads);
        visit([layer, kind, slot, head, position, i], view, index);
      }
    });
  }
}

describe("KvSlab", () => {
  it("starts as zeros and takes the bytes that it says", async () => {
    const ort = await loadOrtModule();
    const before = ort.residentBytes;
    const slab = new KvSlab(ort, TINY, { slots: SLOTS, capacity: CAPACITY });
    expect(ort.residentBytes - before).toBe(SLOTS * KvSlab.bytesPerSlot(TINY, CAPACITY));
    expect(KvSlab.bytesPerSlot(TINY, CAPACITY)).toBe(2 * 2 * 2 * 6 * 8 * 4);
    let sum = 0;
    each(slab, (_, view, index) => {
      sum += Math.abs(view[index]!);
    });
    expect(sum).toBe(0);
  });

  it("keeps heads that the kernels do not take at the width that they do", async () => {
    const ort = await loadOrtModule();
    const before = ort.residentBytes;
    const narrow = { ...TINY, headDim: 12 };
    const slab = new KvSlab(ort, narrow, { slots: 1, capacity: CAPACITY });
    expect(slab.window(0, 1).past["past.0.key"]!.shape).toEqual([1, kvHeads, CAPACITY, 16]);
    expect(ort.residentBytes - before).toBe(KvSlab.bytesPerSlot(narrow, CAPACITY));
  });

  it("hands out windows over the same memory, past and present alike, each made once", async () => {
    const { slab } = await markedSlab();
    const window = slab.window(1, 2);
    expect(slab.window(1, 2).past).toBe(window.past);
    expect(Object.keys(window.past)).toEqual(["past.0.key", "past.0.value", "past.1.key", "past.1.value"]);
    expect(Object.keys(window.present)).toEqual(
      Object.keys(window.past).map((name) => name.replace("past", "present")),
    );
    const value = window.past["past.1.value"]!;
    expect(window.present["present.1.value"]).toBe(value);
    expect(value.shape).toEqual([2, kvHeads, CAPACITY, headDim]);
    expect(value.view()[0]).toBe(mark(1, 1, 1, 0, 0, 0));
    value.view()[0] = -1;
    expect(slab.window(0, SLOTS).past["past.1.value"]!.view()[kvHeads * CAPACITY * headDim]).toBe(-1);
  });

  it("copies the first positions of every head of one slot, and nothing else", async () => {
    const { slab } = await markedSlab();
    slab.copy(2, 0, 4);
    each(slab, ([layer, kind, slot, head, position, i], view, index) => {
      const from = slot === 0 && position < 4 ? 2 : slot;
      if (view[index] !== mark(layer, kind, from, head, position, i)) {
        expect({ layer, kind, slot, head, position, i, value: view[index] }).toBe("copied");
      }
    });
  });

  it("clears some positions of every head of one slot, and nothing else", async () => {
    const { slab } = await markedSlab();
    slab.clear(1, { from: 2, to: CAPACITY + 1 });
    slab.clear(0, { from: 3, to: 2 });
    each(slab, ([layer, kind, slot, head, position, i], view, index) => {
      const expected = slot === 1 && position >= 2 ? 0 : mark(layer, kind, slot, head, position, i);
      if (view[index] !== expected) expect({ layer, kind, slot, head, position, i, value: view[index] }).toBe(expected);
    });
  });

  it.each([8, 12])("fills a slot's first positions with a prefix of heads %d wide, and nothing else", async (width) => {
    const config = { ...TINY, headDim: width };
    const slab = new KvSlab(await loadOrtModule(), config, { slots: SLOTS, capacity: CAPACITY });
    // Position n, head h, element i is 1000 + 100·n + 20·h + i in keys; a value is its negative.
    const values = (sign: number, layer: number) =>
      f32(
        [2, kvHeads * width],
        Array.from({ length: 2 * kvHeads * width }, (_, at) => {
          const [n, h, i] = [Math.floor(at / kvHeads / width), Math.floor(at / width) % kvHeads, at % width];
          return sign * (1000 * (layer + 1) + 100 * n + 20 * h + i);
        }),
      );
    slab.writePrefix(
      1,
      Array.from({ length: layers }, (_, layer) => ({ key: values(1, layer), value: values(-1, layer) })),
    );
    const half = width / 2;
    const padded = width === 8 ? 4 : 8;
    const { past } = slab.window(0, SLOTS);
    for (let layer = 0; layer < layers; layer++) {
      const names = cacheNames(layer);
      for (const [name, sign] of [
        [names.key, 1],
        [names.value, -1],
      ] as const) {
        const view = past[name]!.view() as Float32Array;
        const expected = Array.from(view, (_, at) => {
          const [half2, position] = [Math.floor(at / padded) % 2, Math.floor(at / padded / 2) % CAPACITY];
          const head = Math.floor(at / padded / 2 / CAPACITY) % kvHeads;
          const slot = Math.floor(at / padded / 2 / CAPACITY / kvHeads);
          const i = at % padded;
          if (slot !== 1 || position >= 2 || i >= half) return 0;
          return sign * (1000 * (layer + 1) + 100 * position + 20 * head + half2 * half + i);
        });
        expect([...view]).toEqual(expected);
      }
    }
  });

  it("saves a slot's first positions and fills another slot's with them, bit for bit", async () => {
    const { slab } = await markedSlab();
    const saved = slab.save(2, 4);
    expect(saved.byteLength).toBe(slab.savedBytes(4));
    slab.clear(2);
    slab.restore(0, saved, 4);
    each(slab, ([layer, kind, slot, head, position, i], view, index) => {
      const from = slot === 0 && position < 4 ? 2 : slot;
      const expected = slot === 2 ? 0 : mark(layer, kind, from, head, position, i);
      if (view[index] !== expected) expect({ layer, kind, slot, head, position, i, value: view[index] }).toBe(expected);
    });
  });

  it("clears one slot, and nothing else", async () => {
    const { slab } = await markedSlab();
    slab.clear(1);
    each(slab, (at, view, index) => {
      if (view[index] !== (at[2] === 1 ? 0 : mark(...at))) expect({ at, value: view[index] }).toBe("cleared");
    });
  });
});
