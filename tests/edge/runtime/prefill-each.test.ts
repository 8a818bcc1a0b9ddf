/** `Decoder.prefillEach`, held to prefilling a position at a time. */
import { describe, expect, it } from "vitest";
import type { Decoder } from "../../../edge/runtime/decoder.ts";
import { BARE, type RowDeltas } from "../../../edge/runtime/serving-delta.ts";
import { largestDifference, PARTS, type Part, randomDelta, rowOf, TINY, tinyParts } from "./tiny-model.ts";

const TOKENS = [5, 9, 2, 33, 17, 40, 21, 3, 55, 20, 3, 0, 63, 12];
const SLOT = 1;

type Parts = Awaited<ReturnType<typeof tinyParts>>;
interface Result {
  readonly logits: Float32Array;
  readonly final: Float32Array;
}

async function partsWith(row: RowDeltas): Promise<Parts> {
  const parts = await tinyParts();
  parts.decoder.arrange([BARE, row, BARE]);
  if (row.nonColumnParts.prefix !== undefined) parts.slab.writePrefix(SLOT, row.nonColumnParts.prefix);
  return parts;
}

/** After each token. */
function oneByOne({ decoder, weights }: Parts, row: RowDeltas): Result[] {
  let start = row.prefixTokens;
  if (row.virtualTokens > 0) decoder.prefill(weights, { slot: SLOT, start, virtual: row.virtualTokens, tokens: [] });
  start += row.virtualTokens;
  return TOKENS.map((token, i) => {
    const logits = decoder.prefill(weights, { slot: SLOT, start: start + i, virtual: 0, tokens: [token] }).slice();
    return { logits, final: decoder.final().slice() };
  });
}

function inChunks({ decoder, weights }: Parts, row: RowDeltas, sizes: readonly number[]): Result[] {
  const results: Result[] = [];
  let [start, from] = [row.prefixTokens, 0];
  for (const [i, size] of sizes.entries()) {
    const virtual = i === 0 ? row.virtualTokens : 0;
    const tokens = TOKENS.slice(from, from + size);
    const logits = decoder.prefillEach(weights, { slot: SLOT, start, virtual, tokens });
    for (let at = virtual; at < virtual + tokens.length; at++) {
      const own = logits.slice(at * TINY.vocabSize, (at + 1) * TINY.vocabSize);
      results.push({ logits: own, final: finalOf(decoder, at) });
    }
    start += virtual + tokens.length;
    from += size;
  }
  return results;
}

const finalOf = (decoder: Decoder, at: number) => decoder.final(at).slice();

function worst(got: readonly Result[], expected: readonly Result[]): number {
  expect(got).toHaveLength(expected.length);
  const size = (values: Float32Array) => Math.max(1, ...values.map(Math.abs));
  const differences = got.flatMap(({ logits, final }, i) => [
    largestDifference(logits, expected[i]!.logits) / size(expected[i]!.logits),
    largestDifference(final, expected[i]!.final) / size(expected[i]!.final),
  ]);
  return Math.max(...differences);
}

const rowWith = (parts: readonly Part[]) => rowOf("a", randomDelta("a", parts));

describe("prefillEach", () => {
  it.each<[name: string, row: RowDeltas]>([
    ["nothing", BARE],
    ...PARTS.map((part): [string, RowDeltas] => [part, rowWith([part])]),
    ["everything", rowWith(PARTS)],
  ])("gives the logits and final states of every position, on a row with %s", async (_, row) => {
    const expected = oneByOne(await partsWith(row), row);
    for (const sizes of [
      [10, 4],
      [6, 8],
      [1, 12, 1],
    ]) {
      expect(worst(inChunks(await partsWith(row), row, sizes), expected), `chunks of ${sizes}`).toBeLessThan(4e-6);
    }
    expect(largestDifference(expected[0]!.logits, expected[1]!.logits)).toBeGreaterThan(1e-2);
  });

  it("leaves the row as prefilling does, and its neighbours alone", async () => {
    const row = rowWith(["factors", "scales"]);
    const filled = async (each: boolean) => {
      const parts = await partsWith(row);
      const chunk = { slot: SLOT, start: 0, virtual: 0, tokens: TOKENS };
      const before = Object.values(parts.slab.window(0, 1).past).map((tensor) => tensor.view().slice());
      if (each) parts.decoder.prefillEach(parts.weights, chunk);
      else parts.decoder.prefill(parts.weights, chunk);
      const after = Object.values(parts.slab.window(0, 1).past).map((tensor) => tensor.view().slice());
      expect(after).toEqual(before);
      return parts.decoder.decode(parts.weights, SLOT, [{ token: 7, position: TOKENS.length }]).slice();
    };
    expect(largestDifference(await filled(true), await filled(false))).toBeLessThan(4e-6);
  });
});
