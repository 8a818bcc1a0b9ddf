import { expect, it } from "vitest";
import { JOB_TYPES, type SettingsOf } from "../../../shared/api/methods.ts";
import { MANIFEST_FILE, parseManifest } from "../../../shared/delta/manifest.ts";
import { f32 } from "../../../shared/tensor.ts";
import { initialState, type TrainingState } from "../../../trainer/loop/training-state.ts";
import { dpo } from "../../../trainer/recipes/dpo.ts";
import type { Objective } from "../../../trainer/recipes/objective.ts";
import { prepareRun } from "../../../trainer/recipes/prepare-run.ts";
import { createPublisher } from "../../../trainer/recipes/publisher.ts";
import { createRunTools } from "../../../trainer/recipes/run-tools.ts";
import { settingsOf } from "../../support/peft.ts";
import { quietContext, tinyJobOf } from "./objectives/run-objective.ts";

const pair = `${JSON.stringify({ prompt: "one:", chosen: " yes", rejected: " no" })}\n`;

it("says where a result comes from, and lets the objective add files of its own parameters", async () => {
  const settings = JOB_TYPES.dpo.settings.parse({ hyperparameters: {}, peft: settingsOf({ type: "lora", r: 2 }) });
  const job = await tinyJobOf({ settings, training: pair, validation: `${pair}${pair}` });
  const own = { parameters: [{ name: "head", shape: [1], decay: false }], initial: new Map([["head", f32([1], [2])]]) };
  const objective: Objective<SettingsOf<"dpo">> = {
    ...dpo,
    parameters: () => own,
    publish: ({ kind, files }, { values, seed }) => ({
      kind,
      files: new Map([...files, ["head.txt", Uint8Array.of(Number(values.get("head")!.data[0]), seed)]]),
    }),
  };
  const context = quietContext();
  const run = await prepareRun(objective, job, context);
  const first = initialState(run.method.parameters, run.method.initial);
  // A delta that changes nothing is refused, so every factor is moved.
  const tensors = Object.entries(first.tensors).map(([name, value]) => {
    return [
      name,
      name === "head"
        ? value
        : f32(
            value.shape,
            Float32Array.from({ length: value.data.length }, (_, i) => 0.01 * (i + 1)),
          ),
    ] as const;
  });
  const state: TrainingState = { ...first, tensors: Object.fromEntries(tensors) };
  const publish = await createPublisher(objective, job, {
    run,
    tools: createRunTools({ job, run, executor: context.executor, yieldToEventLoop: async () => undefined }),
  });
  const folder = await publish(state, { tuned_loss: 0.5 });
  const manifest = parseManifest(folder.files.get(MANIFEST_FILE)!);
  expect(manifest).toMatchObject({ base_model: "tiny", metrics: { tuned_loss: 0.5 }, created_at: 1_700_000_000 });
  expect(manifest.data_digests).toEqual([job.training.digest, job.validation!.digest]);
  expect(folder.files.get("head.txt")).toEqual(Uint8Array.of(2, 3));
  expect(await publish(state, { tuned_loss: 0.5 })).toEqual(folder);
});
