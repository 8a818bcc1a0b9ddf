/**
 * What steering vectors from at most 40 pairs do to the embedded base. Sampled at temperature 1 with a fixed seed; the
 * perplexity is of the replies under the unsteered base, relative to that of its own replies.
 */
import { afterAll, describe, expect, it } from "vitest";
import { SteeringVectorSettings } from "../../../../shared/api/steering-vector.ts";
import type { ContrastPair } from "../../../../shared/data/dataset-kinds/contrast-pairs.ts";
import { conditionHolds, conditionSpan } from "../../../../shared/delta/condition.ts";
import { MANIFEST_FILE, parseManifest } from "../../../../shared/delta/manifest.ts";
import { decodeCanonical, SERVING_FILE } from "../../../../shared/delta/serving-file.ts";
import { readActivations } from "../../../../trainer/recipes/read-activations.ts";
import type { Dataset } from "../../../../trainer/recipes/recipe.ts";
import { steeringVector } from "../../../../trainer/recipes/steering-vector.ts";
import { quietContext } from "../objectives/run-objective.ts";
import {
  type ConditionedPrompt,
  conditionPrompts,
  isPolite,
  registerPairs,
  registerQuestions,
  reviewJudge,
  reviewPairs,
  reviewPrompts,
} from "./corpus-pairs.ts";
import { baseFiles, openSteeredBase, runtime } from "./steered-base.ts";

const base = await openSteeredBase();
afterAll(() => base.close());

function dataset(name: string, lines: readonly unknown[]): Dataset {
  const bytes = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return { name, digest: "d".repeat(64), bytes };
}

async function vectorsOf(
  pairs: readonly ContrastPair[],
  settings: Record<string, unknown>,
  prompts?: readonly unknown[],
) {
  const { folder, hyperparameters, metrics } = await steeringVector(
    {
      run: "effect",
      type: "steering_vector",
      settings: SteeringVectorSettings.parse(settings),
      seed: 3,
      createdAt: 1_700_000_000,
      base: { id: "base", digest: "b".repeat(64), files: baseFiles },
      training: dataset("pairs.jsonl", pairs),
      validation: prompts === undefined ? null : dataset("prompts.jsonl", prompts),
      checkpoint: null,
    },
    quietContext({ executor: runtime }),
  );
  const { linears } = decodeCanonical(folder.files.get(SERVING_FILE)!, base.config);
  const vectors = [...linears].map(([path, { bias }]) => [Number(path.split(".")[1]), bias!.data] as const);
  const { steering } = parseManifest(folder.files.get(MANIFEST_FILE)!);
  return { vectors: new Map(vectors), layer: hyperparameters.layers, metrics, condition: steering?.condition };
}

interface Experiment {
  readonly vectors: ReadonlyMap<number, ArrayLike<number>>;
  readonly prompts: readonly (readonly number[])[];
  readonly samples: number;
  readonly judge: (text: string) => boolean;
}

/** The share of replies that are judged so, and their perplexity relative to the unsteered ones, by strength. */
async function measured({ vectors, prompts, samples, judge }: Experiment, strengths: readonly number[]) {
  const write = (strength: number) => base.write(prompts, { vectors, strength, samples, seed: 1 });
  const plain = await write(0);
  const share = (texts: readonly string[]) => texts.filter(judge).length / texts.length;
  const found: { strength: number; share: number; ratio: number }[] = [];
  for (const strength of strengths) {
    const { texts, perplexity } = await write(strength);
    found.push({ strength, share: share(texts), ratio: perplexity / plain.perplexity });
  }
  return { plain: share(plain.texts), found };
}

describe("a steering vector on the embedded base", { timeout: 120_000 }, () => {
  it.each(["mean_difference", "pca"])("turns the mood of reviews either way: %s of 40 pairs", async (method) => {
    const { vectors, layer } = await vectorsOf(reviewPairs(), { method, position: "completion" });
    const prompts = reviewPrompts.map((text) => base.tokenizer.encode(text));
    const { plain, found } = await measured({ vectors, prompts, samples: 10, judge: reviewJudge() }, [1.5, -1.5]);
    const [up, down] = found;
    // 32 of 80 reviews are positive without the vector, 77 with it and 3 against it.
    expect(layer).toBe("1");
    expect(plain).toBeCloseTo(0.4, 1);
    expect(up!.share).toBeGreaterThanOrEqual(0.9);
    expect(down!.share).toBeLessThanOrEqual(0.1);
    for (const { ratio } of found) expect(ratio).toBeLessThanOrEqual(1.5);
  });

  it.each([
    // `auto` takes layer 4, where held-out pairs separate best; the effect is larger further down.
    { layers: "auto", most: 0.8, least: 0.3 },
    { layers: 0, most: 0.9, least: 0.1 },
  ])("makes requests polite or rude: 24 pairs of system prompts, layers $layers", async ({ layers, most, least }) => {
    const { vectors } = await vectorsOf(registerPairs(), { layers, position: "mean" });
    const prompts = registerQuestions.map((messages) => base.template.encodePrompt(messages));
    const { plain, found } = await measured({ vectors, prompts, samples: 6, judge: isPolite }, [3, -3]);
    const [up, down] = found;
    expect(plain).toBeCloseTo(0.57, 2);
    expect(up!.share).toBeGreaterThanOrEqual(most);
    expect(down!.share).toBeLessThanOrEqual(least);
    for (const { ratio } of found) expect(ratio).toBeLessThanOrEqual(1.2);
  });

  it.each(["last", "mean"])(
    "is told by a condition at the %s position which prompts are requests",
    async (position) => {
      const label = (prompts: readonly ConditionedPrompt[]) =>
        prompts.map(({ messages, label }) => ({ messages, label }));
      const { requests, questions } = conditionPrompts();
      const all = [requests.slice(0, 12), questions.slice(0, 12)].flatMap(label);
      const settings = { condition: { when: "positive", prompts: "validation_file", position } };
      const { condition, metrics } = await vectorsOf(registerPairs(), settings, all);
      expect(metrics["condition/accuracy"]).toBeGreaterThanOrEqual(0.9);
      const others = [...requests.slice(12), ...questions.slice(12)];
      const ids = others.map(({ messages }) => Int32Array.from(base.template.encodePrompt(messages)));
      let right = 0;
      const tap = `layers.${condition!.layer}`;
      const { config, weights, tokenizer } = base;
      const options = { config, weights, taps: [tap], padId: tokenizer.padId, yieldToEventLoop: async () => undefined };
      for await (const { index, length, states } of readActivations(runtime, ids, options)) {
        const { from, to } = conditionSpan(condition!.position, length);
        const mean = new Float64Array(config.hiddenSize);
        for (let token = from; token < to; token++) {
          for (let at = 0; at < mean.length; at++) {
            mean[at]! += states.get(tap)![token * mean.length + at]! / (to - from);
          }
        }
        if (conditionHolds(condition!, mean).holds === (others[index]!.label === 1)) right += 1;
      }
      expect(right / others.length).toBeGreaterThanOrEqual(0.9);
    },
  );
});
