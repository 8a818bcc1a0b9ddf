/** Runs of the tiny model with texts and facts of its own, for what a run keeps of its base. */
import { SupervisedHyperparameters, type TrainingHyperparameters } from "../../../../shared/api/methods.ts";
import { corpusText } from "../../../../shared/evaluation/corpus.ts";
import { ChosenSettings, type PeftChoice } from "../../../../shared/peft/presets.ts";
import { supervised } from "../../../../trainer/recipes/supervised.ts";
import { tinyDataset } from "../../tiny-model.ts";
import {
  killedAndResumed,
  type ObjectiveRun,
  type Recorded,
  runObjective,
  TINY_FILES,
} from "../objectives/run-objective.ts";

const encode = (text: string) => new TextEncoder().encode(text);

export const TEXTS = Array.from(
  { length: 40 },
  (_, n) => `The ${["red", "green", "blue"][n % 3]} door number ${n} is up.`,
);
const PROBES = {
  format: "trimtab.evaluation/1",
  facts: [
    { prompt: "The sky is", answer: "blue" },
    { prompt: "Grass is", answer: "green" },
  ],
  texts: ["A green door is up and a blue one is down.", "Two doors are red."],
};

/** The tiny model's folder with texts and probes. */
export const OWN_TEXTS: ReadonlyMap<string, Uint8Array> = new Map(TINY_FILES)
  .set("corpus.jsonl", encode(corpusText(TEXTS)))
  .set("evaluation.json", encode(JSON.stringify(PROBES)));

export interface KeepingRun {
  readonly hyperparameters?: Partial<TrainingHyperparameters>;
  readonly peft?: PeftChoice;
  readonly validation?: string | undefined;
  readonly changes?: Partial<ObjectiveRun<never>>;
}

function runOf(run: KeepingRun) {
  const { hyperparameters = {}, peft = ChosenSettings.parse({ type: "lora", r: 4 }), changes } = run;
  const validation = "validation" in run ? run.validation : tinyDataset(5, 2);
  const own = { n_epochs: 4, batch_size: 4, learning_rate: 0.02, ...hyperparameters };
  return {
    settings: { hyperparameters: SupervisedHyperparameters.parse(own), peft },
    ...{ training: tinyDataset(12), files: OWN_TEXTS },
    ...(validation === undefined ? {} : { validation }),
    ...changes,
  };
}

export const keepingRun = (run: KeepingRun = {}): Promise<Recorded> => runObjective(supervised, runOf(run));
export const keepingResumed = (run: KeepingRun, after: number): Promise<Recorded> =>
  killedAndResumed(supervised, runOf(run), after);
