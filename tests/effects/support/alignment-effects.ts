/** What training on preferences should do to the embedded base: a row for each way, which the tests and the table share. */
import type { ParentFolder } from "../../../trainer/recipes/parent.ts";
import {
  asParent,
  type Experiment,
  type Measured,
  measure,
  POLITENESS,
  politeLabels,
  politePairs,
  requestPrompts,
  rudeParent,
  runJobOf,
} from "./alignment.ts";

export interface AlignmentEffect {
  /** A word or two, to name the row by. */
  readonly name: string;
  /** What it was trained with, in a few words. */
  readonly setting: string;
  /** The job that makes it, given where it starts. */
  readonly job: (seed: number) => Pick<Experiment, "type" | "settings" | "training">;
}

const peft = { type: "lora", r: 4, lora_alpha: 8 };
const report = { enabled: false };
const steps = { max_steps: 24, batch_size: 16, learning_rate: 1e-3 };

/** The effects. Each starts from the base with a tenth of the delta `rude`, which words about a quarter of requests politely. */
export const ALIGNMENT_EFFECTS: readonly AlignmentEffect[] = [
  {
    name: "dpo",
    setting: "200 pairs, 24 steps of 16, beta 0.1",
    job: (seed) => ({
      type: "dpo",
      settings: { hyperparameters: { ...steps, beta: 0.1 }, peft, report },
      training: politePairs(200, seed),
    }),
  },
  {
    name: "ipo",
    setting: "200 pairs, 24 steps of 16, beta 0.5",
    job: (seed) => ({
      type: "ipo",
      settings: { hyperparameters: { ...steps, beta: 0.5 }, peft, report },
      training: politePairs(200, seed),
    }),
  },
  {
    name: "kto",
    setting: "400 labelled completions, 24 steps of 16, beta 0.1",
    job: (seed) => ({
      type: "kto",
      settings: { hyperparameters: { ...steps, beta: 0.1 }, peft, report },
      training: politeLabels(400, seed),
    }),
  },
  {
    name: "constitutional, revise",
    setting: "24 prompts, 4 replies each, 2 rounds of the best of 13 by a grader of words; 40 steps of 16",
    job: () => ({
      type: "constitutional",
      settings: {
        ...{ judge: { type: "grader", grader: POLITENESS }, samples: 4, rounds: 2, candidates: 12, max_tokens: 32 },
        ...{ hyperparameters: { ...steps, max_steps: 40, learning_rate: 5e-3 }, peft, report },
      },
      training: requestPrompts(),
    }),
  },
  {
    name: "constitutional, preferences",
    setting: "24 prompts, 4 pairs of replies each, labelled by a grader of words; 24 steps of 16, beta 0.1",
    job: () => ({
      type: "constitutional",
      settings: {
        ...{ mode: "preferences", judge: { type: "grader", grader: POLITENESS }, samples: 8, max_tokens: 32 },
        ...{ hyperparameters: { ...steps, beta: 0.1 }, peft, report },
      },
      training: requestPrompts(),
    }),
  },
];

export interface Change {
  readonly before: Measured;
  readonly after: Measured;
}

/** Share of the delta `rude` that every effect starts from. */
const RUDE = 0.1;

let started: Promise<ParentFolder> | undefined;
const measured = new Map<string, Promise<Measured>>();

/** What an effect starts from, with its measurements, which are made once for each seed. */
async function start(size: Parameters<typeof measure>[1]) {
  started ??= rudeParent(RUDE);
  const parent = await started;
  const key = JSON.stringify(size);
  const before = measured.get(key) ?? measure(parent, size);
  measured.set(key, before);
  return { parent, before: await before };
}

/** Trains as an effect says, and measures before and after. */
export async function changeBy(effect: AlignmentEffect, size: Parameters<typeof measure>[1]): Promise<Change> {
  const { parent, before } = await start(size);
  const { seed } = size;
  const outcome = await runJobOf({ ...effect.job(seed), seed, parent });
  return { before, after: await measure(asParent(outcome), size) };
}
