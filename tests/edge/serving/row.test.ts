import { describe, expect, it } from "vitest";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import { nonFinite, type OpenGeneration, Row } from "../../../edge/serving/row.ts";

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

  it("decodes the last token where it belongs, and counts it as cached afterwards", () => {
    const { row, generated } = rowWith();
    row.prefilled = 5;
    row.take(Float32Array.of(1, 2));
    expect([row.isDecoding, row.cachedPositions]).toEqual([false, 5]);
    generated.push(8);
    row.logits = undefined;
    expect([row.isDecoding, row.cachedPositions, row.decodeRow]).toEqual([true, 5, { token: 8, position: 5 }]);
    generated.push(9);
    expect([row.cachedPositions, row.decodeRow]).toEqual([6, { token: 9, position: 6 }]);
  });

  it("rides along at its next position while its prompt is not in", () => {
    const { row } = rowWith();
    row.prefilled = 4;
    expect(row.decodeRow).toEqual({ token: 0, position: 4 });
  });

  it("keeps the logits of the prompt's end when later ones come, and is not tied to the view", () => {
    const { row } = rowWith();
    const view = Float32Array.of(1, 2);
    row.take(view);
    view.set([3, 4]);
    row.take(view);
    view.set([0, 0]);
    expect([row.promptLogits, row.logits]).toEqual([Float32Array.of(1, 2), Float32Array.of(3, 4)]);
  });

  it("takes over states, and with the whole prompt what follows it", () => {
    const [{ row: part }, { row: whole }] = [rowWith(), rowWith()];
    const logits = Float32Array.of(1, 2);
    part.takeOver(4, logits);
    whole.takeOver(5, logits);
    expect([part.isPrefilled, part.logits, whole.isPrefilled, whole.logits]).toEqual([false, undefined, true, logits]);
  });
});

it("nonFinite names logits that are no numbers", () => {
  expect(nonFinite(Float32Array.of(1, -5))).toBeUndefined();
  expect(nonFinite(Float32Array.of(1, Number.NaN))).toMatchObject({ code: "non_finite" });
});
