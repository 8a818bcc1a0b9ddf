import { describe, expect, it } from "vitest";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { RowVectors } from "../../../edge/runtime/row-vectors.ts";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import { PARTS, randomDelta, rowOf, TINY } from "./tiny-model.ts";

const SLOTS = 3;
const Q = "layers.0.self_attn.q_proj";
const FFN = "layers.0.mlp";

async function make() {
  const ort = await loadOrtModule();
  const before = ort.residentBytes;
  const vectors = new RowVectors(ort, TINY, SLOTS);
  return { vectors, bytes: ort.residentBytes - before };
}

/** Every vector of a slot, by input. */
const slotOf = (vectors: RowVectors, slot: number) =>
  Object.entries({ ...vectors.window("layers", slot, 1), ...vectors.window("blocks", slot, 1) }).map(
    ([name, tensor]) => [name, [...(tensor.view() as Float32Array)]] as const,
  );
const isNeutral = (vectors: RowVectors, slot: number) =>
  slotOf(vectors, slot).every(([name, values]) => values.every((value) => value === (name.endsWith(".s") ? 1 : 0)));

describe("RowVectors", () => {
  it("takes the bytes it promises, and starts with neutral values", async () => {
    const { vectors, bytes } = await make();
    expect(bytes).toBe(SLOTS * RowVectors.bytesPerSlot(TINY));
    // A scale and a bias for the outputs of q, k, v, o, gate, up, down, and a bias for each block.
    expect(RowVectors.bytesPerSlot(TINY)).toBe(4 * 2 * (2 * (32 + 16 + 16 + 32 + 48 + 48 + 32) + 2 * 32));
    expect([0, 1, 2].map((slot) => isNeutral(vectors, slot))).toEqual([true, true, true]);
  });

  it("holds the sum of each slot's deltas, and gives windows over neighbouring slots", async () => {
    const { vectors } = await make();
    const [a, b] = [rowOf("a", randomDelta("a", PARTS)), rowOf("bb", randomDelta("bb", ["scales"]), 0.5)];
    vectors.arrange([BARE, a, b]);
    expect(isNeutral(vectors, 0)).toBe(true);
    const window = vectors.window("layers", 1, 2);
    expect(window[`${Q}.b`]!.shape).toEqual([2, 1, 32]);
    expect([...(window[`${Q}.s`]!.view() as Float32Array)]).toEqual(
      [a, b].flatMap(({ nonColumnParts }) => [
        ...(nonColumnParts.linears.get(Q)?.scale?.data ?? new Float32Array(32).fill(1)),
      ]),
    );
    expect(vectors.window("layers", 1, 2)).toBe(window);
    const upBias = vectors.window("blocks", 1, 1)[`${FFN}.up_bias`]!;
    expect(upBias.view()).toEqual(a.nonColumnParts.linears.get(FFN)!.bias!.data);
  });

  it("erases a row that has left or moved", async () => {
    const { vectors } = await make();
    const [a, b] = [rowOf("a", randomDelta("a", PARTS)), rowOf("b", randomDelta("b", ["biases"]))];
    vectors.arrange([a, b]);
    const moved = slotOf(vectors, 1);
    vectors.arrange([b]);
    expect(slotOf(vectors, 0)).toEqual(moved);
    expect(isNeutral(vectors, 1)).toBe(true);
    vectors.arrange([]);
    expect(isNeutral(vectors, 0)).toBe(true);
  });
});
