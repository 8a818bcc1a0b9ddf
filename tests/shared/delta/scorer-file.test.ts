import { describe, expect, test } from "vitest";
import { type CanonicalDelta, NO_DELTA } from "../../../shared/delta/canonical.ts";
import type { Scorer } from "../../../shared/delta/scorer.ts";
import { decodeScorer, encodeScorer } from "../../../shared/delta/scorer-file.ts";
import { decodeCanonical, encodeCanonical } from "../../../shared/delta/serving-file.ts";
import {
  fromF32,
  parseSafetensors,
  type SafetensorsTensor,
  writeSafetensors,
} from "../../../shared/formats/safetensors.ts";
import { goldenConfig, goldenDelta } from "../peft/golden-adapters.ts";
import { randomScorer } from "./random-scorer.ts";

const scorer = randomScorer(goldenConfig);
const { tokens: _, ...head } = scorer;
const reward: Scorer = { ...head, about: { labels: ["a", "b"], lead: [], temperatures: {} } };

describe("a scorer in a file", () => {
  test.each([
    ["whole", scorer],
    ["without token values", reward],
  ])("%s: the same after a round trip, by itself and in the serving file", async (_name, each) => {
    expect(decodeScorer(encodeScorer(each), goldenConfig)).toEqual(each);
    const alone: CanonicalDelta = { ...NO_DELTA, scorer: each };
    expect(decodeCanonical(encodeCanonical(alone), goldenConfig)).toEqual(alone);
    const beside = { ...(await goldenDelta("adapter")), scorer: each };
    expect(decodeCanonical(encodeCanonical(beside), goldenConfig)).toEqual(beside);
  });

  test("a serving file without one has the bytes that it always had", async () => {
    expect(parseSafetensors(encodeCanonical(await goldenDelta("adapter"))).metadata).toEqual({
      format: "trimtab.serving/1",
    });
  });

  const ones = (...shape: number[]): SafetensorsTensor => ({
    dtype: "F32",
    shape,
    bytes: fromF32(new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1), "F32"),
  });
  type Changes = (tensors: Map<string, SafetensorsTensor>, metadata: Record<string, string>) => void;
  const { hiddenSize, vocabSize } = goldenConfig;
  const about = (changes: object): Changes => {
    return (_tensors, metadata) => {
      metadata.scorer = JSON.stringify({ ...scorer.about, ...changes });
    };
  };
  test.each<[string, Changes, string]>([
    ["no description", (_tensors, metadata) => delete metadata.scorer, "lacks the metadata `scorer`"],
    ["no weight", (tensors) => tensors.delete("scorer.weight"), "lacks the tensor scorer.weight"],
    ["no A", (tensors) => tensors.delete("scorer.A"), "lacks the tensor scorer.A"],
    ["no T", (tensors) => tensors.delete("scorer.T"), "lacks the tensor scorer.T"],
    [
      "token values that it claims to have",
      (tensors) => {
        tensors.delete("scorer.A");
        tensors.delete("scorer.T");
      },
      "lacks the tensor scorer.A",
    ],
    ["another width", (tensors) => tensors.set("scorer.weight", ones(hiddenSize + 1, 2)), "instead of F32"],
    ["another number of classes", (tensors) => tensors.set("scorer.bias", ones(3)), "F32 [3] instead of F32 [2]"],
    ["ranks that differ", (tensors) => tensors.set("scorer.T", ones(vocabSize, 4)), "tensor scorer.A F32"],
    ["a tensor of no scorer", (tensors) => tensors.set("scorer.U", ones(1)), "scorer.U"],
    ["numbers that are not finite", (tensors) => tensors.set("scorer.bias", withInfinity(ones(2))), "is not finite"],
    ["an id beyond the vocabulary", about({ lead: [vocabSize] }), `the token ${vocabSize}, beyond the model's`],
    ["labels of one name", about({ labels: ["a", "a"] }), "labels must differ"],
  ])("%s: refused by name", async (_name, change, message) => {
    const beside = { ...(await goldenDelta("adapter")), scorer };
    for (const [bytes, read] of [
      [encodeScorer(scorer), decodeScorer],
      [encodeCanonical(beside), decodeCanonical],
    ] as const) {
      const file = parseSafetensors(bytes);
      const [tensors, metadata] = [new Map<string, SafetensorsTensor>(file.tensors), { ...file.metadata }];
      change(tensors, metadata);
      expect(() => read(writeSafetensors(tensors, metadata), goldenConfig)).toThrow(
        expect.objectContaining({ code: "invalid_delta", message: expect.stringContaining(message) }),
      );
    }
  });

  test("its own file holds nothing else", () => {
    const empty = writeSafetensors(new Map(), { format: "trimtab.scorer/1" });
    expect(() => decodeScorer(empty, goldenConfig)).toThrow("scorer.safetensors holds no scorer");
    expect(() => decodeScorer(writeSafetensors(new Map(), {}), goldenConfig)).toThrow("expected trimtab.scorer/1");
    const file = parseSafetensors(encodeScorer(scorer));
    const more = new Map<string, SafetensorsTensor>([...file.tensors, ["prompt", ones(1, hiddenSize)]]);
    expect(() => decodeScorer(writeSafetensors(more, file.metadata), goldenConfig)).toThrow('tensor "prompt"');
  });
});

function withInfinity(tensor: SafetensorsTensor): SafetensorsTensor {
  const values = new Float32Array(tensor.bytes.byteLength / 4).fill(Number.POSITIVE_INFINITY);
  return { ...tensor, bytes: fromF32(values, "F32") };
}
