import { expect, it } from "vitest";
import {
  factTurns,
  type KeptBatch,
  stepFeeds,
  stepShape,
  stepsOfRound,
} from "../../../../trainer/edits/refine/refine-batches.ts";
import { editGolden } from "../golden.ts";

const golden = editGolden("llama");
const { config } = golden;
const facts = golden.facts(golden.json.batch);
const texts = facts.flatMap(({ contexts, target }) => contexts.map(({ ids }) => [...ids, ...target].join()));

it("takes every text of the facts once before any comes again, in an order of the seed", () => {
  const step = stepShape(facts, config);
  const narrow = { shape: { ...step.shape, picks: step.shape.picks }, half: { rows: 1, tokens: step.half.tokens } };
  const turns = factTurns(facts, narrow, 1);
  const seen: string[] = [];
  for (let at = 0; seen.length < texts.length; at++) seen.push(...turns(at).map(({ text }) => text.ids.join()));
  expect(seen.sort()).toEqual([...texts].sort());
  const first = (seed: number) => factTurns(facts, narrow, seed)(0).map(({ text }) => text.ids.join());
  expect(first(1)).toEqual(first(1));
  expect(first(1)).not.toEqual(first(2));
});

it("has no more rows than the facts fill, four at least, and no more than a step may have", () => {
  const few = stepShape(golden.facts(golden.json.batch.slice(0, 1)), config);
  expect(few.half.rows).toBe(4);
  const [fact] = facts;
  const long = { ...fact!, contexts: fact!.contexts.map((one) => ({ ...one, ids: new Int32Array(600) })) };
  const shape = stepShape([long], { ...config, maxPositions: 4_096 });
  expect(shape.half).toEqual({ rows: 1, tokens: 768 });
  expect(shape.shape).toMatchObject({ rows: 2, tokens: 768 });
  const many = stepShape(
    Array.from({ length: 500 }, () => fact!),
    config,
  );
  expect(many.half.rows).toBe(16);
});

it("bounds the probabilities of a step, whatever the vocabulary, and never cuts a target", () => {
  const wide = stepShape(facts, { ...config, vocabSize: 150_000 });
  expect(wide.shape.picks * 150_000).toBeLessThan(1 << 23);
  expect(wide.shape.kept * 150_000).toBeLessThan(1 << 23);
  const huge = stepShape(facts, { ...config, vocabSize: 1 << 30 });
  expect(huge.shape.picks).toBe(Math.max(...facts.map(({ target }) => target.length)));
  const turns = factTurns(facts, huge, 1);
  for (let at = 0; at < 5; at++) {
    const targets = turns(at).reduce((sum, { text }) => sum + text.target, 0);
    expect(targets).toBeGreaterThan(0);
    expect(targets).toBeLessThanOrEqual(huge.shape.picks);
  }
  expect(stepsOfRound(facts, wide)).toBeGreaterThanOrEqual(1);
});

it("weighs every target alike, lets the change act at subjects, and keeps places that hold text", () => {
  const step = stepShape(facts, config);
  const { shape, half } = step;
  const width = config.hiddenSize;
  const states = Float32Array.from({ length: half.rows * half.tokens * width }, (_, at) => at);
  const kept: KeptBatch = { placed: [{ text: { ids: Int32Array.from([5, 6, 7]) }, start: 2 }], states };
  const placed = factTurns(facts, step, 1)(0);
  const feeds = stepFeeds(placed, kept, step, { config, padId: 0, seed: 1, step: 0 });
  const numbers = (name: string) => Array.from(feeds[name]!.data, Number);
  const weights = numbers("pick_weights");
  expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
  const tokens = numbers("tokens");
  const [places, targets] = [numbers("picks"), numbers("targets")];
  for (const [pick, weight] of weights.entries()) {
    if (weight > 0) expect(tokens[places[pick]! + 1]).toBe(targets[pick]);
  }
  const felt = numbers("felt");
  const alone = placed.filter(({ text, start }) => felt[start] === 0 || text.ids.length === 1);
  expect(alone.length).toBeGreaterThan(0);
  for (const { text, start } of alone) {
    const own = felt.slice(start, start + text.ids.length);
    expect(own.map((value, at) => (value === 1 ? at : -1)).filter((at) => at >= 0)).toEqual([text.at]);
  }
  const offset = half.rows * half.tokens;
  expect(felt.slice(offset).every((value) => value === 1)).toBe(true);
  const keptWeights = numbers("kept_weights");
  const counted = numbers("kept").filter((_, at) => keptWeights[at]! > 0);
  expect([...counted].sort((a, b) => a - b)).toEqual([2, 3, 4].map((place) => offset + place));
  const first = numbers("states").slice(0, width);
  expect(first).toEqual([...states.slice((counted[0]! - offset) * width, (counted[0]! - offset + 1) * width)]);
  expect(shape.rows).toBe(2 * half.rows);
});
