/** `Decoder.prefillEach`, held to prefilling a position at a time. */
import { describe, expect, it } from "vitest";
import type { PrefillChunk } from "../../../edge/runtime/decoder.ts";
import { BARE, type RowDeltas } from "../../../edge/runtime/serving-delta.ts";
import { largestDifference, PARTS, type Part, randomDelta, rowOf, TINY, tinyParts } from "./tiny-model.ts";

const TOKENS = [5, 9, 2, 33, 17, 40, 21, 3, 55, 20, 3, 0, 63, 12];
const SLOT = 1;

type Parts = Awaited<ReturnType<typeof tinyParts>>;
async function partsWith(row: RowDeltas): Promise<Parts> {
  const parts = await tinyParts();
  parts.decoder.arrange([BARE, row, BARE]);
  if (row.nonColumnParts.prefix !== undefined) parts.slab.writePrefix(SLOT, row.nonColumnParts.prefix);
  return parts;
}

/** The logits after each token. */
function oneByOne({ decoder, weights }: Parts, row: RowDeltas): Float32Array[] {
  let start = row.prefixTokens;
  if (row.virtualTokens > 0) decoder.prefill(weights, { slot: SLOT, start, virtual: row.virtualTokens, tokens: [] });
  start += row.virtualTokens;
  return TOKENS.map((token, i) =>
    decoder.prefill(weights, { slot: SLOT, start: start + i, virtual: 0, tokens: [token] }).slice(),
  );
}

/** The chunks of the tokens, with the row's virtual tokens in the first. */
function chunksOf(row: RowDeltas, sizes: readonly number[]): PrefillChunk[] {
  let [start, from] = [row.prefixTokens, 0];
  return sizes.map((size, i) => {
    const virtual = i === 0 ? row.virtualTokens : 0;
    const chunk = { slot: SLOT, start, virtual, tokens: TOKENS.slice(from, from + size) };
    start += virtual + chunk.tokens.length;
    from += size;
    return chunk;
  });
}

function inChunks({ decoder, weights }: Parts, row: RowDeltas, sizes: readonly number[]): Float32Array[] {
  return chunksOf(row, sizes).flatMap((chunk) => {
    const { each } = decoder.prefillEach(weights, chunk);
    expect(each).toHaveLength((chunk.virtual + chunk.tokens.length) * TINY.vocabSize);
    return chunk.tokens.map((_, i) => {
      const at = chunk.virtual + i;
      return each.slice(at * TINY.vocabSize, (at + 1) * TINY.vocabSize);
    });
  });
}

function worst(got: readonly Float32Array[], expected: readonly Float32Array[]): number {
  expect(got).toHaveLength(expected.length);
  const size = (values: Float32Array) => Math.max(1, ...values.map(Math.abs));
  return Math.max(...got.map((logits, i) => largestDifference(logits, expected[i]!) / size(expected[i]!)));
}

const rowWith = (parts: readonly Part[]) => rowOf("a", randomDelta("a", parts));

describe("prefillEach", () => {
  it.each<[name: string, row: RowDeltas]>([
    ["nothing", BARE],
    ...PARTS.map((part): [string, RowDeltas] => [part, rowWith([part])]),
    ["everything", rowWith(PARTS)],
  ])("gives the logits of every position, on a row with %s", async (_, row) => {
    const expected = oneByOne(await partsWith(row), row);
    for (const sizes of [
      [10, 4],
      [6, 8],
      [1, 12, 1],
    ]) {
      expect(worst(inChunks(await partsWith(row), row, sizes), expected), `chunks of ${sizes}`).toBeLessThan(4e-6);
    }
    expect(largestDifference(expected[0]!, expected[1]!)).toBeGreaterThan(1e-2);
  });

  it.each<[name: string, row: RowDeltas]>([
    ["nothing", BARE],
    ["everything", rowWith(PARTS)],
  ])("gives and leaves the bits of a plain prefill, on a row with %s", async (_, row) => {
    const filled = async (each: boolean) => {
      const parts = await partsWith(row);
      const { decoder, weights, slab } = parts;
      const results = chunksOf(row, [9, 5]).map((chunk) => {
        const logits = each ? decoder.prefillEach(weights, chunk).logits : decoder.prefill(weights, chunk);
        return { logits: logits.slice(), final: decoder.final().slice() };
      });
      const cache = Object.values(slab.window(0, 3).past).map((tensor) => tensor.view().slice());
      return { results, cache };
    };
    expect(await filled(true)).toEqual(await filled(false));
  });

  it("gives what a prefill reads too", async () => {
    const { decoder, weights } = await partsWith(BARE);
    const reads = { taps: ["layers.0"], exits: [0] };
    const chunk = { slot: SLOT, start: 0, virtual: 0, tokens: TOKENS };
    const read = () => ({ tap: decoder.tap("layers.0", 3).slice(), exit: decoder.exit(0).slice() });
    decoder.prefill(weights, chunk, reads);
    const expected = read();
    decoder.prefillEach(weights, chunk, reads);
    expect(read()).toEqual(expected);
  });
});
