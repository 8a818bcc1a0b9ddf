import { describe, expect, it } from "vitest";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import { nonFinite, type OpenGeneration, Row } from "../../../edge/serving/row.ts";
import { statesOf } from "./states-of.ts";

function rowWith({ prompt = [1, 2, 3, 4, 5], prefixTokens = 0, virtualTokens = 0 } = {}) {
  const generated: number[] = [];
  const open = { generation: { sequence: { generated } } } as unknown as OpenGeneration;
  const deltas = { ...BARE, prefixTokens, virtualTokens };
  const row = new Row(open, { role: "leader", prompt, weights: undefined as never, deltas, stateKey: "k" });
  return { row, generated };
}

describe("Row", () => {
  it("prefills virtual tokens and the prompt behind the prefix, chunk by chunk", () => {
    const { row } = rowWith({ prefixTokens: 7, virtualTokens: 3 });
    const chunks = [];
    while (!row.isPrefilled) {
      const chunk = row.nextChunk(2, 4);
      chunks.push(chunk);
      row.prefilled += chunk.virtual + chunk.tokens.length;
    }
    expect(chunks).toEqual([
      { slot: 2, start: 7, virtual: 3, tokens: [1] },
      { slot: 2, start: 11, virtual: 0, tokens: [2, 3, 4, 5] },
    ]);
    expect([row.lead, row.promptEnd]).toEqual([10, 15]);
  });

  it("has the logits after every token from the first that is scored on read, whatever comes before the prompt", () => {
    const read: [number, number[]][] = [];
    const generated: number[] = [];
    const open = { generation: { sequence: { generated } } } as unknown as OpenGeneration;
    const scoring = { from: 2, read: (at: number, logits: Float32Array) => void read.push([at, [...logits]]) };
    const deltas = { ...BARE, prefixTokens: 7, virtualTokens: 3 };
    const common = { role: "leader", prompt: [1, 2, 3, 4, 5], weights: undefined as never, stateKey: "k" };
    const row = new Row(open, { ...common, deltas, scoring });
    const scored: boolean[] = [];
    while (!row.isPrefilled) {
      const chunk = row.nextChunk(0, 4);
      const positions = chunk.virtual + chunk.tokens.length;
      scored.push(row.isScored(chunk));
      // Two logits for each position: where it is in the row, and 0.
      if (row.isScored(chunk)) {
        row.score(
          chunk,
          Float32Array.from({ length: 2 * positions }, (_, i) => (i % 2 === 0 ? chunk.start + i / 2 : 0)),
        );
      }
      row.prefilled += positions;
    }
    expect(scored).toEqual([false, true]);
    expect(read).toEqual([
      [2, [12, 0]],
      [3, [13, 0]],
      [4, [14, 0]],
    ]);
    expect(row.sharing.computes).toBe(2);
    expect(new Row(open, { ...common, deltas }).isScored({ slot: 0, start: 0, virtual: 0, tokens: [1] })).toBe(false);
  });

  it("decodes the last token where it belongs, and counts it as cached afterwards", () => {
    const { row, generated } = rowWith();
    row.prefilled = 5;
    row.take(statesOf(Float32Array.of(1, 2)));
    expect([row.isDecoding, row.cachedPositions]).toEqual([false, 5]);
    generated.push(8);
    row.states = undefined;
    expect([row.isDecoding, row.cachedPositions, row.decodeRow]).toEqual([true, 5, { token: 8, position: 5 }]);
    generated.push(9);
    expect([row.cachedPositions, row.decodeRow]).toEqual([6, { token: 9, position: 6 }]);
    // Once the last token has been decoded too, a probe or an idle step goes behind it.
    row.take(statesOf(Float32Array.of(5, 6)));
    expect([row.isDecoding, row.cachedPositions, row.decodeRow]).toEqual([false, 7, { token: 0, position: 7 }]);
  });

  it("rides along at its next position while its prompt is not in", () => {
    const { row } = rowWith();
    row.prefilled = 4;
    expect(row.decodeRow).toEqual({ token: 0, position: 4 });
  });

  it("keeps the states of the prompt's end when later ones come, and is not tied to the view", () => {
    const { row } = rowWith();
    const views = {
      logits: Float32Array.of(1, 2),
      final: Float32Array.of(5),
      exits: new Map([[0, Float32Array.of(7, 8)]]),
    };
    row.take(views);
    for (const view of [views.logits, views.final, views.exits.get(0)!]) view.set(view.map((value) => value + 10));
    row.take(views);
    for (const view of [views.logits, views.final, views.exits.get(0)!]) view.fill(0);
    const of = (by: number) => ({
      logits: Float32Array.of(1 + by, 2 + by),
      final: Float32Array.of(5 + by),
      exits: new Map([[0, Float32Array.of(7 + by, 8 + by)]]),
    });
    expect([row.promptStates, row.states]).toEqual([of(0), of(10)]);
  });

  it("takes over states, and with the whole prompt what follows it", () => {
    const [{ row: part }, { row: whole }] = [rowWith(), rowWith()];
    const states = statesOf(Float32Array.of(1, 2));
    part.takeOver(4, states);
    whole.takeOver(5, states);
    expect([part.isPrefilled, part.states, whole.isPrefilled, whole.states]).toEqual([false, undefined, true, states]);
  });
});

it("nonFinite names logits that are no numbers", () => {
  expect(nonFinite(Float32Array.of(1, -5))).toBeUndefined();
  expect(nonFinite(Float32Array.of(1, Number.NaN))).toMatchObject({ code: "non_finite" });
});
