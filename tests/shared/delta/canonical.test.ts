import { describe, expect, test } from "vitest";
import { type CanonicalDelta, changesNothing, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { f32, zeros } from "../../../shared/tensor.ts";
import { goldenDelta } from "../peft/golden-adapters.ts";
import { SCORER_GOLDENS, scorerOf } from "./golden-scorer.ts";

const trained = await goldenDelta("adapter");
const withLinears = (delta: CanonicalDelta, linears: CanonicalDelta["linears"]): CanonicalDelta => ({
  ...delta,
  linears,
});
const Q0 = "layers.0.self_attn.q_proj";

describe("a delta that changes nothing is known", () => {
  const one = (module: CanonicalDelta["linears"] extends ReadonlyMap<string, infer M> ? M : never) =>
    withLinears(NO_DELTA, new Map([[Q0, module]]));
  const [ones, none] = [f32([1, 1], [1]), zeros([1, 1])];
  const flat = { downBias: f32([1], [1]), fromOutput: f32([1], [1]), fromStream: f32([1], [0]), silu: f32([1], [0]) };
  const bottleneck = (up: number, upBias: number): CanonicalDelta => ({
    ...NO_DELTA,
    bottlenecks: new Map([
      ["layers.0.mlp", { ...flat, down: ones, up: f32([1, 1], [up]), upBias: f32([1], [upBias]) }],
    ]),
  });

  test.each<[string, CanonicalDelta, boolean]>([
    ["no parts", NO_DELTA, true],
    ["trained factors", trained, false],
    ["B of zeros", one({ a: ones, b: none }), true],
    ["A of zeros", one({ a: none, b: ones }), true],
    ["a bias", one({ bias: f32([1], [1]) }), false],
    ["a scale of 1 and a bias of 0", one({ scale: f32([1], [1]), bias: f32([1], [0]) }), true],
    ["a scale", one({ scale: f32([1], [0.5]) }), false],
    ["a bottleneck with U and u zero", bottleneck(0, 0), true],
    ["a bottleneck", bottleneck(1, 0), false],
    ["a bottleneck with only a bias", bottleneck(0, 1), false],
    ["an embedding of zeros", { ...NO_DELTA, embedding: { a: ones, b: none } }, true],
    ["an embedding", { ...NO_DELTA, embedding: { a: ones, b: ones } }, false],
    ["a prompt, even of zeros", { ...NO_DELTA, prompt: none }, false],
    ["a scorer", { ...NO_DELTA, scorer: scorerOf(SCORER_GOLDENS[0]!) }, false],
    ["a prefix, even of zeros", { ...NO_DELTA, prefix: [{ key: none, value: none }] }, false],
  ])("%s", (_name, delta, expected) => {
    expect(changesNothing(delta)).toBe(expected);
  });
});
