import { describe, expect, it } from "vitest";
import { type RowDeltas, rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { conditionOf } from "../../../edge/serving/conditional-deltas.ts";
import type { ConditionalDelta, ResolvedDelta } from "../../../edge/serving/protocol.ts";
import type { DecodeSettings } from "../../../shared/decode/registry.ts";
import type { Condition } from "../../../shared/delta/condition.ts";
import { type Part, randomDelta, TINY } from "../runtime/tiny-model.ts";
import { ask, GREEDY, tinyLoop, tokens } from "./steered-request.ts";

const WIDTH = TINY.hiddenSize;
const unit = (at: number, value = 1) => Array.from({ length: WIDTH }, (_, i) => (i === at ? value : 0));

/** Always met: a cosine is above −1 wherever it is not exactly that. */
const met: Condition = { layer: 0, position: "last", vector: unit(0), threshold: -1, comparator: "above" };
const unmet: Condition = { ...met, comparator: "below" };

const conditional = (id: string, condition: Condition, weight = 1): ConditionalDelta => ({
  at: `vectors[${id}]`,
  delta: { digest: id, prefix: "", files: [], weight },
  condition,
});

/** Rows' deltas by the digests on top, as parts of random deltas. */
const withParts =
  (parts: Readonly<Record<string, readonly Part[]>>, sizes: Parameters<typeof randomDelta>[2] = {}) =>
  (more: readonly ResolvedDelta[]): RowDeltas =>
    rowDeltas(
      more.map(({ digest, weight }) => ({
        delta: servingDelta(digest, randomDelta(digest, parts[digest] ?? ["biases"], sizes)),
        weight,
      })),
    );

/** Reads a prompt of those activations at layer 0. */
function decided(list: readonly ConditionalDelta[], activations: readonly (readonly number[])[]) {
  const asked: string[][] = [];
  const condition = conditionOf(list, (more) => {
    asked.push(more.map(({ digest }) => digest));
    return withParts({})(more);
  })!;
  asked.length = 0;
  const reader = condition.start(activations.length);
  for (const [at, activation] of activations.entries()) reader.read(at, () => Float32Array.from(activation));
  const deltas = reader.deltas();
  return { deltas, asked: asked[0], found: reader.found() };
}

describe("conditionOf", () => {
  it("is nothing where no delta has a condition", () => {
    expect(conditionOf([], withParts({}))).toBeUndefined();
  });

  it("reads the layers of all conditions once, and the whole prompt only for a mean", () => {
    const at = (layer: number, position: Condition["position"]) => conditional("a", { ...met, layer, position });
    const of = (...all: ConditionalDelta[]) => {
      const { taps, wholePrompt } = conditionOf(all, withParts({}))!;
      return { taps, wholePrompt };
    };
    expect(of(at(1, "last"), at(0, "last"), at(1, "last"))).toEqual({
      taps: ["layers.1", "layers.0"],
      wholePrompt: false,
    });
    expect(of(at(0, "last"), at(1, "mean")).wholePrompt).toBe(true);
  });

  it("compares the last token with `last`, and with `mean` all but the first", () => {
    const condition = (position: Condition["position"]): Condition => ({ ...met, position, threshold: 0.9 });
    const prompt = [unit(0, 50), unit(1, 3), unit(0, 2)];
    const last = decided([conditional("a", condition("last"))], prompt);
    expect([last.asked, last.found]).toEqual([["a"], [{ at: "vectors[a]", score: 1, applies: true }]]);
    const mean = decided([conditional("a", condition("mean"))], prompt);
    // (1, 1.5) in the first two directions.
    expect(mean.found[0]!.score).toBeCloseTo(2 / Math.hypot(2, 3), 12);
    expect([mean.deltas, mean.asked]).toEqual([undefined, undefined]);
    // A prompt of one token is that token.
    expect(decided([conditional("a", condition("mean"))], [unit(0)]).found[0]!.score).toBe(1);
  });

  it("applies those whose own condition is met, with their strengths, and none of the others", () => {
    const list = [conditional("a", met, 2), conditional("b", unmet), conditional("c", met, -1)];
    const { deltas, asked, found } = decided(list, [unit(3)]);
    expect(asked).toEqual(["a", "c"]);
    const expected = withParts({})([list[0]!.delta, list[2]!.delta]);
    expect(deltas!.nonColumnParts).toEqual(expected.nonColumnParts);
    expect(found.map(({ applies }) => applies)).toEqual([true, false, true]);
  });

  it("says what it may come to at most, and throws for an activation that is no number", () => {
    const list = [conditional("a", met), conditional("b", unmet)];
    const both = withParts({ a: ["factors"], b: ["factors"] });
    expect(conditionOf(list, both)!.most.columns.factors).toBe(8);
    expect(() => decided(list, [unit(0, Number.NaN)])).toThrow(expect.objectContaining({ code: "non_finite" }));
  });

  it.each<Part>(["prompt", "prefix"])("refuses a %s, which would stand before a text that has begun", (part) => {
    expect(() => conditionOf([conditional("a", met)], withParts({ a: [part] }))).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "steering.vectors[a].condition" }),
    );
  });
});

describe("a batch with conditional deltas", () => {
  const plain = { rows: [{ prompt: tokens(9, 1) }], settings: GREEDY, maxTokens: 14 };
  const steered = (settings: DecodeSettings, condition: ReturnType<typeof conditionOf>) => ({
    rows: [{ prompt: tokens(11, 2), condition: condition! }],
    settings,
    tenant: "other",
  });

  it("ends a request whose prompt gives no numbers to compare, and no other", async () => {
    const { loop, weights } = await tinyLoop();
    const alone = ask(loop, weights, plain);
    await alone.end;
    const condition = conditionOf([conditional("a", met)], withParts({}))!;
    // As where deltas with large weights let an activation overflow.
    const broken = {
      ...condition,
      start: (length: number) => {
        const reader = condition.start(length);
        return { ...reader, read: (at: number) => reader.read(at, () => Float32Array.from(unit(0, Number.NaN))) };
      },
    };
    const beside = ask(loop, weights, plain);
    const bad = ask(loop, weights, steered(GREEDY, broken));
    await expect(bad.end).rejects.toMatchObject({ code: "non_finite" });
    await beside.end;
    expect(beside.tokens).toEqual(alone.tokens);
    expect([loop.activeRows, loop.waitingRows, loop.broken]).toEqual([0, 0, false]);
  });

  it("keeps room for deltas that may come, and gives it back where they do not", async () => {
    const { loop, weights } = await tinyLoop({ ranks: 12 });
    const wide = withParts({ a: ["factors"] }, { rank: 8 });
    const [may, never] = [met, unmet].map((condition) => conditionOf([conditional("a", condition)], wide)!);
    const factors = (key: string) => {
      const delta = servingDelta(key, randomDelta(key, ["factors"], { rank: 8 }));
      return { ...plain, rows: [{ prompt: tokens(9, 3), deltas: rowDeltas([{ delta, weight: 1 }]) }] };
    };
    const alone = ask(loop, weights, factors("b"));
    await alone.end;
    for (const condition of [may, never]) {
      const requests = [ask(loop, weights, steered(GREEDY, condition)), ask(loop, weights, factors("b"))];
      await Promise.all(requests.map(({ end }) => end));
      expect(requests[1]!.tokens).toEqual(alone.tokens);
    }
    const huge = conditionOf([conditional("a", met)], withParts({ a: ["factors"] }, { rank: 20 }));
    await expect(ask(loop, weights, steered(GREEDY, huge)).end).rejects.toMatchObject({
      code: "invalid_request",
      param: "deltas",
    });
    expect([loop.activeRows, loop.broken]).toEqual([0, false]);
  });
});
