import { describe, expect, it } from "vitest";
import {
  fromF32,
  parseSafetensors,
  type SafetensorsTensor,
  writeSafetensors,
} from "../../../shared/formats/safetensors.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { EMBEDDING, HEAD } from "../../../shared/model/modules.ts";
import { resolveTie } from "../../../shared/model/tied-head.ts";
import { loadWeights, openWeights, readModel, weightsForFile } from "../../../shared/model/weights.ts";
import { createRandom } from "../../../shared/random.ts";
import { goldenJson } from "./golden-models.ts";

type Matrix = "one" | "two";
interface Case {
  readonly name: string;
  readonly tied: boolean;
  readonly holds: { readonly embedding?: Matrix; readonly head?: Matrix };
  readonly uses: { readonly embedding: Matrix; readonly head: Matrix };
}
const { ties } = goldenJson<{ ties: Case[] }>("llama/config-resolution.json");

const untied = parseModelConfig(goldenJson("llama/plain/config.json"));
const { vocabSize, hiddenSize } = untied;
const shape = [vocabSize, hiddenSize];
const values = (name: Matrix) => {
  const random = createRandom(5, name);
  return Float32Array.from({ length: vocabSize * hiddenSize }, () => random.normal());
};
const MATRICES = { one: values("one"), two: values("two") };
const stored = (data: Float32Array, dtype: "F32" | "BF16" = "F32"): SafetensorsTensor => ({
  dtype,
  shape,
  bytes: fromF32(data, dtype),
});

function tensorsOf({ embedding, head }: Case["holds"]): Map<string, SafetensorsTensor> {
  const all = new Map(
    [...weightsForFile(untied, initialWeights(untied, 3))].map(([name, { shape, data }]) => [
      name,
      { dtype: "F32" as const, shape, bytes: fromF32(data, "F32") } as SafetensorsTensor,
    ]),
  );
  all.delete(EMBEDDING);
  all.delete(HEAD);
  if (embedding !== undefined) all.set(EMBEDDING, stored(MATRICES[embedding]));
  if (head !== undefined) all.set(HEAD, stored(MATRICES[head]));
  return all;
}

describe("a model's head", () => {
  it.each(ties)("is transformers': $name", async ({ tied, holds, uses }) => {
    const tensors = tensorsOf(holds);
    const stated = { ...untied, tied };
    const config = resolveTie(stated, tensors);
    const file = writeSafetensors(tensors);
    const read = await readModel(stated, { names: ["model.safetensors"], bytes: async () => file });
    expect(read.config).toEqual(config);
    const inFile = parseSafetensors(file).tensors;
    expect(resolveTie(stated, inFile)).toEqual(config);
    for (const weights of [loadWeights(config, tensors), openWeights(config, inFile), read.weights]) {
      expect(weights.get(EMBEDDING)!.data).toEqual(MATRICES[uses.embedding]);
      expect(weights.get(config.tied ? EMBEDDING : HEAD)!.data).toEqual(MATRICES[uses.head]);
    }
  });

  it("is compared by value, whatever the dtypes", () => {
    const tied = { ...untied, tied: true };
    const rounded = MATRICES.one.map((value) => Math.round(value));
    const pair = (head: Float32Array) =>
      new Map([
        [EMBEDDING, stored(rounded)],
        [HEAD, stored(head, "BF16")],
      ]);
    expect(resolveTie(tied, pair(rounded)).tied).toBe(true);
    expect(resolveTie(tied, pair(rounded.with(-1, 7))).tied).toBe(false);
  });
});
