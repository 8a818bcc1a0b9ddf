import { describe, expect, it } from "vitest";
import { JOB_TYPES, type SettingsOf } from "../../../shared/api/methods.ts";
import type { TrainerEvent } from "../../../shared/api/trainer.ts";
import { f32 } from "../../../shared/tensor.ts";
import { dpo } from "../../../trainer/recipes/dpo.ts";
import type { Objective } from "../../../trainer/recipes/objective.ts";
import { prepareRun } from "../../../trainer/recipes/prepare-run.ts";
import { settingsOf } from "../../support/peft.ts";
import { ReinforceSettings, reinforce } from "./objectives/reinforce.ts";
import { quietContext, tinyJobOf } from "./objectives/run-objective.ts";
import { wholeRowSampler } from "./objectives/whole-row-sampler.ts";

const line = (prompt: string) => `${JSON.stringify({ prompt, chosen: " yes", rejected: " no no" })}\n`;
const training = ["one:", "two:", "three:"].map(line).join("");
const settings = (hyperparameters: object = {}, peft: object = settingsOf({ type: "lora", r: 2 })) =>
  JOB_TYPES.dpo.settings.parse({ hyperparameters, peft });
const prepare = async (
  objective: Objective<SettingsOf<"dpo">>,
  changes: { settings?: SettingsOf<"dpo">; validation?: string } = {},
) => prepareRun(objective, await tinyJobOf({ settings: settings(), training, ...changes }), quietContext());

describe("prepareRun", () => {
  it("reads units, decides what is auto, and adds the column that the reference fills", async () => {
    const run = await prepare(dpo, { validation: line("four:") });
    expect(run.training.map(({ examples }) => examples.length)).toEqual([2, 2, 2]);
    expect(run.validation).toHaveLength(1);
    expect(run.rows.units!.form).toEqual({ examples: 2, sharesPrompt: true, columns: { reference: "token" } });
    expect(run.hyperparameters.schedule.totalSteps).toBe(run.plan.stepsPerEpoch * run.hyperparameters.epochs);
    expect((await prepare(dpo)).validation).toBeUndefined();
  });

  it("takes the objective's learning rate as a multiple of that of supervised training", async () => {
    const { learningRate: _, ...usual } = dpo;
    const [peak, plain] = [await prepare(dpo), await prepare(usual)].map((run) => run.hyperparameters.schedule.peak);
    expect(peak! / plain!).toBeCloseTo(0.05, 6);
  });

  it("packs what is in the files, and gives what is sampled a row each", async () => {
    expect((await prepare(dpo)).rows.packing).toBe(true);
    const sampling = reinforce({ sampler: wholeRowSampler, reward: () => 0 });
    const prompts = ReinforceSettings.parse({ hyperparameters: {}, peft: settingsOf({ type: "lora", r: 2 }) });
    const job = await tinyJobOf({ settings: prompts, training: `${JSON.stringify({ prompt: "say one" })}\n` });
    expect((await prepareRun(sampling, job, quietContext())).rows.packing).toBe(false);
  });

  it("trains the objective's own parameters beside the method's", async () => {
    const own = {
      parameters: [{ name: "head", shape: [1], decay: false }],
      initial: new Map([["head", f32([1], [2])]]),
    };
    const run = await prepare({ ...dpo, parameters: () => own });
    expect(run.method.parameters.at(-1)!.name).toBe("head");
    expect(run.method.initial.get("head")).toBe(own.initial.get("head"));
    expect(run.method.parameters.length).toBe((await prepare(dpo)).method.parameters.length + 1);
  });

  it("names the field of the job's own type in what it refuses", async () => {
    await expect(prepare(dpo, { settings: settings({ max_length: 129 }) })).rejects.toMatchObject({
      code: "invalid_request",
      param: "method.tested.hyperparameters.max_length",
    });
    const wide = settingsOf({ type: "lora", r: 4000 });
    await expect(prepare(dpo, { settings: settings({}, wide) })).rejects.toMatchObject({
      param: "method.tested.peft.r",
    });
  });

  it("reports the validation file after the training file", async () => {
    const events: Omit<TrainerEvent, "seq">[] = [];
    const context = quietContext({ event: (event) => void events.push(event) });
    const job = await tinyJobOf({ settings: settings(), training, validation: line("four:") });
    await prepareRun(dpo, job, context);
    expect(events.map(({ data }) => data!.file)).toEqual(["training_file", "validation_file"]);
  });
});
