import { describe, expect, it, vi } from "vitest";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { baseFisher } from "../../../../trainer/recipes/keeping/base-fisher.ts";
import { loadStart } from "../../../../trainer/recipes/parent.ts";
import type { BaseArtefacts } from "../../../../trainer/recipes/recipe.ts";
import { largestDifference } from "../../golden-llama.ts";
import { fisherOfGolden, goldenEwc, inGraph } from "./golden-ewc.ts";
import { OWN_TEXTS, TEXTS } from "./keeping-run.ts";

vi.setConfig({ testTimeout: 60_000 });

describe("fisherGraph", () => {
  it("squares the gradients of each text's log-probability, as PyTorch does", async () => {
    const golden = goldenEwc();
    const { diagonal, tokens } = await fisherOfGolden();
    expect(tokens).toBe(golden.tokens);
    for (const [name, expected] of Object.entries(golden.fisherSums)) {
      const sum = diagonal.get(name)!.data.reduce((total, value) => total + value, 0);
      expect(sum / expected, name).toBeCloseTo(1, 4);
    }
    for (const [name, data] of Object.entries(golden.fisher)) {
      const expected = inGraph(name, data).data as Float32Array;
      const most = Math.max(...expected);
      expect(largestDifference(diagonal.get(name)!.data, expected) / most, name).toBeLessThan(1e-5);
    }
  });
});

describe("baseFisher", () => {
  const executor = createOnnxRuntimeExecutor({ threads: 1 });
  const { config, weights, tokenizer } = loadStart(OWN_TEXTS, undefined);
  const store = () => {
    const kept = new Map<string, Uint8Array>();
    const artefacts: BaseArtefacts = {
      read: async (name) => kept.get(name),
      write: async (name, bytes) => void kept.set(name, bytes),
    };
    return { kept, artefacts };
  };
  const options = { config, weights, tokenizer, param: "ewc_lambda", yieldToEventLoop: async () => undefined };

  it("is computed once for a base, and read from then on", async () => {
    const { kept, artefacts } = store();
    const onStart = vi.fn();
    const first = await baseFisher(executor, { ...options, corpus: TEXTS, artefacts, onStart });
    const again = await baseFisher(executor, { ...options, corpus: TEXTS, artefacts, onStart });
    expect(onStart).toHaveBeenCalledTimes(1);
    expect(again).toEqual(first);
    expect(first).toMatchObject({ source: "corpus", samples: TEXTS.length });
    expect(first.half_difference).toBeGreaterThan(0);
    expect(first.half_difference).toBeLessThan(2);
    expect([...kept.keys()]).toEqual([expect.stringMatching(/^fisher\.[0-9a-f]{32}\.safetensors$/)]);
    await baseFisher(executor, { ...options, corpus: TEXTS.slice(1), artefacts, onStart });
    expect(kept.size).toBe(2);
  });

  it("is of texts that the base writes itself where it has none", async () => {
    const { artefacts } = store();
    const made = await baseFisher(executor, { ...options, corpus: undefined, artefacts, onStart: () => undefined });
    expect(made.source).toBe("sampled");
    expect([...made.diagonal.values()].some(({ data }) => data.some((value) => value > 0))).toBe(true);
  });

  it("refuses a base whose file would be too large", async () => {
    const wide = { ...config, vocabSize: 40_000_000 };
    const made = baseFisher(executor, {
      ...options,
      config: wide,
      corpus: TEXTS,
      artefacts: undefined,
      onStart: () => undefined,
    });
    await expect(made).rejects.toMatchObject({ code: "invalid_request", param: "ewc_lambda" });
  });
});
