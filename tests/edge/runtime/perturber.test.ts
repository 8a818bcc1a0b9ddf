import { expect, it } from "vitest";
import { RUNTIME_BYTES } from "../../../edge/runtime/memory-plan.ts";
import { pastBytes } from "../../../edge/runtime/own-past.ts";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import { f32 } from "../../../shared/tensor.ts";
import { randomDelta, rowOf, TINY, tinyParts } from "./tiny-model.ts";

const SCORER = {
  weight: f32([TINY.hiddenSize, 2], new Float32Array(2 * TINY.hiddenSize)),
  bias: f32([2], [0, 0]),
  about: { labels: ["a", "b"], lead: [], temperatures: { lookahead: 1 } },
};
const AIM = { scorer: SCORER, label: 0, temperature: 1, klScale: 0 };

it("has the room that the model and the runtime leave, whatever texts are open", async () => {
  const { decoder, weights, ort } = await tinyParts();
  const { perturber } = decoder;
  const room = ort.heapLimitBytes - RUNTIME_BYTES - ort.residentBytes;
  expect(perturber.room).toBe(room);
  const row = { weights, deltas: BARE, capacity: 300 };
  const text = perturber.open({ text: row, judge: row }, AIM);
  expect(perturber.room).toBe(room);
  perturber.close(text);
  expect(perturber.room).toBe(room);
});

it("needs what a text takes: two memories of the text, one of the judge, and its deltas", async () => {
  const { decoder, weights, ort } = await tinyParts();
  const { perturber } = decoder;
  const row = (capacity: number, deltas = BARE) => ({ weights, deltas, capacity });
  const needs = (text: number, judge: number, deltas = BARE) =>
    perturber.needs({ text: row(text, deltas), judge: row(judge) });
  expect(needs(400, 100) - needs(100, 100)).toBe(2 * pastBytes(TINY, 300));
  expect(needs(100, 400) - needs(100, 100)).toBe(pastBytes(TINY, 300));
  const tuned = rowOf("a", randomDelta("a", ["factors", "head"]));
  const before = ort.residentBytes;
  const text = perturber.open({ text: row(100, tuned), judge: row(100) }, AIM);
  const taken = ort.residentBytes - before;
  expect(needs(100, 100, tuned)).toBeGreaterThan(taken);
  const graphs = needs(100, 100) - 3 * pastBytes(TINY, 100);
  expect(needs(100, 100, tuned) - graphs).toBeGreaterThan(0.8 * taken);
  perturber.close(text);
});

it("fits as many texts as there is room for", async () => {
  const { decoder, weights } = await tinyParts();
  const { perturber } = decoder;
  const row = (capacity: number) => ({ weights, deltas: BARE, capacity });
  const half = Math.floor(perturber.room / 2 / pastBytes(TINY, 1) / 3);
  const rows = { text: row(half), judge: row(half) };
  expect(perturber.fits(rows)).toBe(true);
  const text = perturber.open(rows, AIM);
  expect(perturber.fits(rows)).toBe(false);
  expect(perturber.fits({ text: row(50), judge: row(50) })).toBe(true);
  perturber.close(text);
  expect(perturber.fits(rows)).toBe(true);
});
