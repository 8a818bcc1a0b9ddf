/** Pairs laid out behind a shared prompt: the same losses and gradients as with each side by itself. */
import { describe, expect, it } from "vitest";
import { PREFERENCE_TYPES } from "../../shared/api/preference-methods.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import { createRandom } from "../../shared/random.ts";
import { zeros } from "../../shared/tensor.ts";
import { evaluationBatches } from "../../trainer/data/batches.ts";
import type { Unit, UnitForm } from "../../trainer/data/units.ts";
import { unitsWithVirtualTokens } from "../../trainer/data/virtual-tokens.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { slots } from "../../trainer/optim/adamw.ts";
import { feedsFor, frozenTensors, trainingGraph } from "../../trainer/recipes/causal-graphs.ts";
import { dpo } from "../../trainer/recipes/dpo.ts";
import { orpo } from "../../trainer/recipes/orpo.ts";
import { attached, moved } from "../support/peft.ts";
import { largestDifference } from "../trainer/golden-llama.ts";
import { tinyModel } from "../trainer/tiny-model.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const { config, weights } = loadModelFolder(tinyModel());

/** Pairs with prompts of 5 to 12 tokens, and reference log-probabilities of their completions. */
const pairs = Array.from({ length: 5 }, (_, index): Unit => {
  const random = createRandom(index, "pair");
  const draw = (length: number) => Array.from({ length }, () => random.below(config.vocabSize));
  const prompt = draw(5 + ((3 * index) % 8));
  const side = (length: number) => {
    const ids = Int32Array.from([...prompt, ...draw(length)]);
    const isTrained = (at: number) => at >= prompt.length;
    return {
      ids,
      labels: ids.map((id, at) => (isTrained(at) ? id : IGNORED_LABEL)),
      columns: { reference: Float32Array.from(ids, (_, at) => (isTrained(at) ? -3 - random.float() : 0)) },
    };
  };
  return { examples: [side(2 + index), side(6 - index)] };
});

const OBJECTIVES = {
  dpo: (context: Parameters<typeof dpo.loss>[0]) => dpo.loss(context, PREFERENCE_TYPES.dpo.settings.parse({})),
  orpo: (context: Parameters<typeof orpo.loss>[0]) => orpo.loss(context, PREFERENCE_TYPES.orpo.settings.parse({})),
};

const lora = { type: "lora", r: 2 };
const prompt = { type: "prompt", num_virtual_tokens: 3 };
const prefix = { type: "prefix", num_virtual_tokens: 2 };

describe.each([
  { name: "lora", given: [lora] },
  { name: "prefix, prompt and lora", given: [prefix, prompt, lora] },
])("$name", ({ given }) => {
  it.each(["dpo", "orpo"] as const)("%s: loss and gradients are those of separate examples", async (type) => {
    const method = attached(given, { config, weights });
    const values = Object.fromEntries(moved(method.initial));
    const run = async (sharesPrompt: boolean, shape: { rows: number; tokens: number }) => {
      const form: UnitForm = {
        examples: 2,
        columns: { reference: "token" },
        ...(sharesPrompt ? { sharesPrompt } : {}),
      };
      const units = { form, capacity: pairs.length };
      const graph = trainingGraph({ config, method, shape, units, loss: OBJECTIVES[type] });
      const program = await executor.compile(graph, { bindings: frozenTensors(weights, method) });
      let sums = Object.fromEntries(
        method.parameters.map(({ name, shape: size }) => [slots(name).gradient, zeros(size)]),
      );
      let [loss, tokens] = [0, 0];
      const placed = unitsWithVirtualTokens(pairs, method.virtualTokens ?? 0, 0);
      for (const { feeds, places } of evaluationBatches(placed, { shape, packing: true, padId: 0, units })) {
        const outputs = await program.run({ ...feedsFor(graph, feeds), ...values, ...sums });
        sums = Object.fromEntries(Object.keys(sums).map((name) => [name, outputs[name]!])) as typeof sums;
        loss += Number(outputs.loss!.data[0]);
        for (const { length } of places) tokens += length;
      }
      await program.dispose();
      return { loss, sums, tokens };
    };
    const apart = await run(false, { rows: 2, tokens: 32 });
    for (const shape of [
      { rows: 1, tokens: 64 },
      { rows: 3, tokens: 28 },
    ]) {
      const shared = await run(true, shape);
      expect(shared.tokens).toBeLessThan(apart.tokens);
      expect(Math.abs(shared.loss - apart.loss)).toBeLessThan(2e-6);
      for (const [name, gradient] of Object.entries(shared.sums)) {
        expect(largestDifference(gradient.data, apart.sums[name]!.data)).toBeLessThan(2e-5);
      }
    }
  });
});
