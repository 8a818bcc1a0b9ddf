import { expect, it } from "vitest";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { createFinalStates } from "../../../trainer/recipes/final-states.ts";
import { readActivations } from "../../../trainer/recipes/read-activations.ts";
import { largestDifference } from "../golden-llama.ts";
import { TINY_FILES } from "./objectives/run-objective.ts";

it("reads the state of the token that ends each text, whatever lies beside it in its row", async () => {
  const { config, weights } = loadModelFolder(TINY_FILES);
  const executor = createOnnxRuntimeExecutor({ threads: 1 });
  const yieldToEventLoop = async () => undefined;
  const texts = [5, 3, 9, 4].map((length, t) => {
    const ids = Int32Array.from({ length }, (_, at) => 3 + ((t + 7 * at) % 40));
    // The last token of every second text is not trained, as a line break after a turn is not.
    return { ids, labels: ids.map((id, at) => (at === 0 || (t % 2 === 1 && at === length - 1) ? -100 : id)) };
  });
  const method = { parameters: [], initial: new Map(), startsAsBase: true, randomInputs: () => [] };
  const rows = { shape: { rows: 2, tokens: 12 }, packing: true, padId: 0 };
  const read = createFinalStates(executor, { config, weights, method, rows, yieldToEventLoop });
  const states = await read(texts, new Map());
  const options = { config, weights, taps: ["final"], padId: 0, yieldToEventLoop };
  for await (const { index, states: all } of readActivations(
    executor,
    texts.map(({ ids }) => ids),
    options,
  )) {
    const width = config.hiddenSize;
    const end = texts[index]!.ids.length - 1 - (index % 2);
    const expected = all.get("final")!.slice(end * width, (end + 1) * width);
    expect(largestDifference(states[index]!, expected)).toBeLessThan(1e-5);
  }
  expect(await read([], new Map())).toEqual([]);
});
