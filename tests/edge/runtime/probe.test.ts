/** `Decoder.probe`, held to decoding each candidate as the row's next token. */
import { describe, expect, it } from "vitest";
import { BARE, type RowDeltas } from "../../../edge/runtime/serving-delta.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import {
  largestDifference,
  PARTS,
  type Part,
  randomDelta,
  rowOf,
  TINY,
  TINY_WEIGHTS,
  tinyParts,
} from "./tiny-model.ts";

const CAPACITY = 64;
const PROMPT = [5, 9, 2, 33, 17, 40, 21];
const CANDIDATES = [3, 55, 20, 3, 0, 63, 12];

type Parts = Awaited<ReturnType<typeof tinyParts>>;

interface Result {
  readonly logits: Float32Array;
  readonly final: Float32Array;
}

/** Prefills the row in `slot`, where `arrange` has put it; gives the position of its next token. */
function begin({ decoder, slab, weights }: Parts, slot: number, row: RowDeltas, prompt: readonly number[] = PROMPT) {
  const { prefixTokens: start, virtualTokens: virtual } = row;
  if (row.nonColumnParts.prefix !== undefined) slab.writePrefix(slot, row.nonColumnParts.prefix);
  if (virtual > 0) decoder.prefill(weights, { slot, start, virtual, tokens: [] });
  for (let from = 0; from < prompt.length; from += 16) {
    const tokens = prompt.slice(from, from + 16);
    decoder.prefill(weights, { slot, start: start + virtual + from, virtual: 0, tokens });
  }
  return start + virtual + prompt.length;
}

function probe({ decoder, weights }: Parts, slot: number, position: number, tokens: readonly number[]): Result[] {
  const results: Result[] = [];
  decoder.probe(weights, { slot, position, tokens }, ({ index, token, logits, final }) => {
    expect([index, token]).toEqual([results.length, tokens[results.length]]);
    results.push({ logits: logits.slice(), final: final.slice() });
  });
  expect(results).toHaveLength(tokens.length);
  return results;
}

/** Each token decoded as the row's next one; a token's key and value overwrite those of the one before. */
function decoded({ decoder, weights }: Parts, slot: number, position: number, tokens: readonly number[]): Result[] {
  return tokens.map((token) => {
    const logits = decoder.decode(weights, slot, [{ token, position }]).slice();
    return { logits, final: decoder.final(0).slice() };
  });
}

/** The largest difference, in logits and in final states, as a share of the largest number where that is above 1. */
function worst(got: readonly Result[], expected: readonly Result[]): number {
  const differences = got.flatMap(({ logits, final }, i) => {
    const size = (values: Float32Array) => Math.max(1, ...values.map(Math.abs));
    const other = expected[i]!;
    return [
      largestDifference(logits, other.logits) / size(other.logits),
      largestDifference(final, other.final) / size(other.final),
    ];
  });
  return Math.max(...differences);
}

/** A copy of every slot's keys and values. */
const cacheOf = ({ slab }: Parts) =>
  Object.values(slab.window(0, slab.slots).past).map((tensor) => tensor.view().slice());

const rowWith = (key: string, parts: readonly Part[]) => rowOf(key, randomDelta(key, parts));

describe("the probe", () => {
  it.each<[name: string, row: RowDeltas]>([
    ["nothing", BARE],
    ...PARTS.map((part): [string, RowDeltas] => [part, rowWith("a", [part])]),
    ["everything", rowWith("a", PARTS)],
  ])("gives what decoding each candidate gives, on a row with %s", async (_, row) => {
    const parts = await tinyParts();
    parts.decoder.arrange([row]);
    const position = begin(parts, 0, row);
    const got = probe(parts, 0, position, CANDIDATES);
    const expected = decoded(parts, 0, position, CANDIDATES);
    expect(worst(got, expected)).toBeLessThan(2e-6);
    // Candidates differ, and equal ones are equal.
    expect(largestDifference(got[0]!.logits, got[1]!.logits)).toBeGreaterThan(1e-2);
    expect(largestDifference(got[0]!.logits, got[3]!.logits)).toBeLessThan(1e-6);
  });

  it.each(["bank", "rows"] as const)("gives them among other rows, whose deltas lie as %s", async (layout) => {
    const parts = await tinyParts();
    const shared = rowWith("shared", ["factors", "bottlenecks"]);
    const more: readonly Part[][] = [[], ["scales", "biases"], ["prompt", "prefix"], ["head"], ["embedding"], []];
    const different = more.map((each, i) => {
      const key = "abcdef".slice(0, i + 1);
      return rowOf(key, randomDelta(key, ["factors", "bottlenecks", ...each]), i === 3 ? -0.7 : 1);
    });
    const rows = layout === "bank" ? [shared, BARE, shared, rowWith("b", ["factors", "scales"]), shared] : different;
    parts.decoder.arrange(rows);
    expect(parts.arena.layout).toBe(layout);
    const positions = rows.map((row, slot) => begin(parts, slot, row, PROMPT.slice(slot)));
    const got = rows.map((_, slot) => probe(parts, slot, positions[slot]!, CANDIDATES));
    rows.forEach((_, slot) => {
      expect(worst(got[slot]!, decoded(parts, slot, positions[slot]!, CANDIDATES)), `slot ${slot}`).toBeLessThan(2e-6);
    });
  });

  it("leaves every row to decode to the bits that it decodes to without", async () => {
    const rows = [rowWith("a", PARTS), BARE, rowWith("ccc", ["factors", "scales"])];
    const run = async (probes: boolean) => {
      const parts = await tinyParts();
      parts.decoder.arrange(rows);
      const positions = rows.map((row, slot) => begin(parts, slot, row));
      const steps: Float32Array[] = [];
      for (let step = 0; step < 4; step++) {
        if (probes) for (const slot of [2, 0]) probe(parts, slot, positions[slot]! + step, CANDIDATES);
        const batch = positions.map((position) => ({ token: 7 + step, position: position + step }));
        steps.push(parts.decoder.decode(parts.weights, 0, batch).slice());
      }
      return steps;
    };
    expect(await run(true)).toEqual(await run(false));
  });

  it("leaves nothing in the cache", async () => {
    const parts = await tinyParts();
    const row = rowWith("a", PARTS);
    parts.decoder.arrange([BARE, row, BARE]);
    const position = begin(parts, 1, row);
    const before = cacheOf(parts);
    probe(parts, 1, position, CANDIDATES);
    expect(cacheOf(parts)).toEqual(before);
  });

  it("clears its places when the run fails", async () => {
    const parts = await tinyParts();
    parts.decoder.arrange([BARE]);
    const position = begin(parts, 0, BARE);
    const before = cacheOf(parts);
    const { embedding } = parts.weights;
    const broken = { inputs: {}, tensors: {}, embedding: embedding.bind(parts.weights) };
    expect(() => parts.decoder.probe(broken as never, { slot: 0, position, tokens: CANDIDATES }, () => {})).toThrow(
      "is missing the input",
    );
    expect(cacheOf(parts)).toEqual(before);
    expect(() => parts.decoder.final(0)).toThrow("the last run had 0 rows");
  });

  it("takes more candidates than a run has room for", async () => {
    const parts = await tinyParts();
    const row = rowWith("a", ["factors", "head", "embedding"]);
    parts.decoder.arrange([row]);
    const position = begin(parts, 0, row);
    const tokens = Array.from({ length: TINY.vocabSize }, (_, token) => token);
    expect(worst(probe(parts, 0, position, tokens), decoded(parts, 0, position, tokens))).toBeLessThan(2e-6);
  });

  it.each([1, 2, 5])("works with %d places left in the row, in smaller groups", async (left) => {
    const parts = await tinyParts();
    const row = rowWith("a", ["factors", "prefix", "prompt"]);
    parts.decoder.arrange([row]);
    const lead = row.prefixTokens + row.virtualTokens;
    const prompt = Array.from({ length: CAPACITY - left - lead }, (_, i) => (i * 11) % TINY.vocabSize);
    const position = begin(parts, 0, row, prompt);
    expect(position).toBe(CAPACITY - left);
    const got = probe(parts, 0, position, CANDIDATES);
    expect(worst(got, decoded(parts, 0, position, CANDIDATES))).toBeLessThan(2e-6);
  });

  it("refuses a row that is full", async () => {
    const parts = await tinyParts();
    expect(() => parts.decoder.probe(parts.weights, { slot: 0, position: CAPACITY, tokens: [1] }, () => {})).toThrow(
      expect.objectContaining({
        code: "context_length_exceeded",
        message: "the row is full: its next token would be at position 64, but it holds 64",
      }),
    );
  });

  it("begins a row, and does nothing without candidates", async () => {
    const parts = await tinyParts();
    expect(worst(probe(parts, 3, 0, CANDIDATES), decoded(parts, 3, 0, CANDIDATES))).toBeLessThan(2e-6);
    expect(probe(parts, 3, 0, [])).toEqual([]);
  });

  it("works on heads that the kernels do not take", async () => {
    const config = { ...TINY, headDim: 12 };
    const parts = await tinyParts({ config, weights: initialWeights(config, 3) });
    const row = rowOf("a", randomDelta("a", PARTS, { config }));
    parts.decoder.arrange([row]);
    const position = begin(parts, 0, row);
    expect(worst(probe(parts, 0, position, CANDIDATES), decoded(parts, 0, position, CANDIDATES))).toBeLessThan(2e-6);
  });
});

describe("the final state of a row", () => {
  it("is what the head makes its logits of, after a step and after a chunk", async () => {
    const parts = await tinyParts();
    const row = rowWith("a", ["factors", "biases"]);
    parts.decoder.arrange([row, BARE, row]);
    const positions = [row, BARE, row].map((each, slot) => begin(parts, slot, each, PROMPT.slice(slot)));
    const head = TINY_WEIGHTS.get("lm_head.weight")!.data as Float32Array;
    const expectLogits = (logits: Float32Array, final: Float32Array) => {
      const expected = Array.from(logits, (_, token) =>
        final.reduce((sum, x, i) => sum + x * head[token * TINY.hiddenSize + i]!, 0),
      );
      expect(largestDifference(logits, expected)).toBeLessThan(1e-5);
    };
    const { decoder, weights } = parts;
    const batch = positions.map((position, i) => ({ token: i, position }));
    const logits = decoder.decode(weights, 0, batch);
    for (const i of [0, 1, 2]) {
      expectLogits(logits.slice(i * TINY.vocabSize, (i + 1) * TINY.vocabSize), decoder.final(i));
    }
    expect(largestDifference(decoder.final(0), decoder.final(1))).toBeGreaterThan(1e-2);
    expect(() => decoder.final(3)).toThrow("the last run had 3 rows: there is no final state of row 3");
    const chunk = { slot: 1, start: positions[1]! + 1, virtual: 0, tokens: [1, 2] };
    expectLogits(decoder.prefill(weights, chunk).slice(), decoder.final());
    expect(() => decoder.final(1)).toThrow("the last run had 1 rows");
  });
});
