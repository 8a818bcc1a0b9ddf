import { describe, expect, it } from "vitest";
import { JOB_TYPES, type SettingsOf } from "../../../shared/api/methods.ts";
import type { TrainingState } from "../../../trainer/loop/training-state.ts";
import { dpo } from "../../../trainer/recipes/dpo.ts";
import type { RunTools } from "../../../trainer/recipes/objective.ts";
import { prepareRun } from "../../../trainer/recipes/prepare-run.ts";
import { createUnitSource } from "../../../trainer/recipes/unit-source.ts";
import { settingsOf } from "../../support/peft.ts";
import { quietContext, tinyJobOf } from "./objectives/run-objective.ts";

const line = (prompt: string) => `${JSON.stringify({ prompt, chosen: " yes", rejected: " no" })}\n`;
const training = ["one:", "two:", "three:", "four:", "five:"].map(line).join("");
const stateOf = (step: number): TrainingState => ({ step, trainedTokens: 0, tensors: {} });

async function sourceOf(objective = dpo) {
  const settings = JOB_TYPES.dpo.settings.parse({
    hyperparameters: { batch_size: 2, gradient_accumulation_steps: 2 },
    peft: settingsOf({ type: "prompt", num_virtual_tokens: 2 }),
  });
  const run = await prepareRun(
    objective,
    await tinyJobOf({ settings, training, validation: line("six:") }),
    quietContext(),
  );
  let scored = 0;
  const referenceLogProbabilities: RunTools["referenceLogProbabilities"] = async (units) => {
    scored += units.length;
    return units.map(({ examples }) => examples.map(({ ids }) => Float32Array.from(ids)));
  };
  const tools = { referenceLogProbabilities } as RunTools<SettingsOf<"dpo">>;
  return { run, source: await createUnitSource({ objective, run, tools }), scored: () => scored };
}

describe("the units of files", () => {
  it("are scored under the reference once, without placeholders, and then stand behind them", async () => {
    const { run, source, scored } = await sourceOf();
    expect(scored()).toBe(6);
    const groups = await source.training(stateOf(1), new Map());
    expect(groups.map(({ length }) => length)).toEqual(run.plan.groups(1).map(({ length }) => length));
    const [chosen] = groups[0]![0]!.examples;
    const own = run.training[run.plan.groups(1)[0]![0]!]!.examples[0]!;
    expect([...chosen!.ids.subarray(2)]).toEqual([...own.ids]);
    expect(chosen!.columns!.reference).toEqual(Float32Array.of(0, 0, ...own.ids));
    await source.training(stateOf(0), new Map());
    expect(scored()).toBe(6);
    const [tuned] = await source.validation(stateOf(0), new Map());
    const [bare] = source.bareValidation!;
    expect(tuned!.examples[0]!.ids.length).toBe(bare!.examples[0]!.ids.length + 2);
    expect(bare!.examples[0]!.columns!.reference).toEqual(Float32Array.from(bare!.examples[0]!.ids));
  });

  it("are left as they are where no reference is wanted", async () => {
    const { reference: _, ...plain } = dpo;
    const { source, scored } = await sourceOf(plain);
    expect(scored()).toBe(0);
    expect(source.bareValidation![0]!.examples[0]!.columns).toBeUndefined();
  });
});

describe("units with columns that depend on the state", () => {
  it("are refreshed before every step and measurement, behind placeholders afterwards, and scored once", async () => {
    const moments: string[] = [];
    const { run, source, scored } = await sourceOf({
      ...dpo,
      refresh:
        () =>
        async ({ units, state, values, purpose }) => {
          moments.push(`${purpose} ${state.step} ${values.size}`);
          return units.map((unit) => ({ ...unit, columns: { kl: state.step / 4 } }));
        },
    });
    const groups = await source.training(stateOf(1), new Map());
    expect(groups.map(({ length }) => length)).toEqual(run.plan.groups(1).map(({ length }) => length));
    for (const { columns, examples } of groups.flat()) {
      expect(columns).toEqual({ kl: 0.25 });
      expect(examples[0]!.columns!.reference).toEqual(Float32Array.of(0, 0, ...examples[0]!.ids.subarray(2)));
    }
    const [measured] = await source.validation(stateOf(4), new Map());
    expect(measured!.columns).toEqual({ kl: 1 });
    expect(source.bareValidation).toBeUndefined();
    expect([moments, scored()]).toEqual([["training 1 0", "validation 4 0"], 6]);
  });

  it("must come back one for each that was given", async () => {
    const { source } = await sourceOf({
      ...dpo,
      refresh:
        () =>
        async ({ units }) =>
          units.slice(1),
    });
    await expect(source.training(stateOf(0), new Map())).rejects.toThrow("made 1 units of up to");
  });
});
