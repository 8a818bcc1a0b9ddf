import { expect, it } from "vitest";
import { JOB_TYPES } from "../../../shared/api/methods.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { createProgramCache } from "../../../trainer/loop/program-cache.ts";
import { dpo } from "../../../trainer/recipes/dpo.ts";
import { prepareRun } from "../../../trainer/recipes/prepare-run.ts";
import { createRunTools } from "../../../trainer/recipes/run-tools.ts";
import { settingsOf } from "../../support/peft.ts";
import { quietContext, tinyJobOf } from "./objectives/run-objective.ts";

const training = ["one:", "two:", "three:"]
  .map((prompt) => `${JSON.stringify({ prompt, chosen: " yes", rejected: " no no" })}\n`)
  .join("");

it("scores bare units behind a method's placeholders, and knows the units of a step", async () => {
  const settings = JOB_TYPES.dpo.settings.parse({
    hyperparameters: { batch_size: 2 },
    peft: settingsOf({ type: "prompt", num_virtual_tokens: 3 }),
  });
  const job = await tinyJobOf({ settings, training });
  const run = await prepareRun(dpo, job, quietContext());
  const executor = createProgramCache(createOnnxRuntimeExecutor({ threads: 1 }));
  const tools = createRunTools({ job, run, executor, yieldToEventLoop: async () => undefined });
  const scores = await tools.logProbabilities(run.training, run.method.initial);
  for (const [u, { examples }] of run.training.entries()) {
    for (const [k, { labels }] of examples.entries()) {
      const own = scores[u]![k]!;
      expect(own).toHaveLength(labels.length);
      for (const [at, label] of labels.entries()) {
        if (at > 0 && label >= 0) expect(own[at]).toBeLessThan(-1);
        else expect(Math.abs(own[at]!)).toBe(0);
      }
    }
  }
  await executor.dispose();
  const order = run.plan.groups(1).flat();
  expect(tools.unitsOf(1)).toEqual(order.map((index) => run.training[index]));
  expect(tools).toMatchObject({ seed: 3, settings, maxLength: 125, capacity: run.rows.shape.tokens });
});
