/** The metrics of a run's steps, kept in its checkpoints so that a resumed run reports all of them. */
import { z } from "zod";
import { tensor } from "../../../shared/tensor.ts";
import type { SectionSpec } from "../../loop/sections.ts";
import type { TrainingState } from "../../loop/training-state.ts";

/** The name of its section in checkpoints. */
export const HISTORY = "step_history";

/** Steps that are kept of a long run, at even distances. */
const MOST_STEPS = 512;
/** Measurements of the machine, which differ from run to run. */
const LEFT_OUT = new Set(["tokens_per_second", "total_steps"]);

type StepData = Readonly<Record<string, number>>;

/** `values` [steps, metrics], NaN where a step lacks a metric; the JSON has the metrics' names. */
export const HISTORY_SPEC: SectionSpec = {
  initial: { tensors: { values: tensor("f64", [0, 0], new Float64Array(0)) }, json: [] },
  tensors: { values: { dtype: "f64", shape: [null, null] } },
  json: z.array(z.string()),
  optional: true,
};

export interface StepHistory {
  /** In order, at most `MOST_STEPS`. */
  readonly steps: readonly StepData[];
  /** Takes what a step reported, `step` among it. */
  add(data: Readonly<Record<string, unknown>>): void;
  /** The state with the history, for a checkpoint. */
  into(state: TrainingState): TrainingState;
  /** The state without the history, which is taken over. */
  from(state: TrainingState): TrainingState;
}

export function createStepHistory(): StepHistory {
  let steps: StepData[] = [];
  let stride = 1;
  function add(data: Readonly<Record<string, unknown>>): void {
    const numbers = Object.entries(data).filter(
      (entry): entry is [string, number] => typeof entry[1] === "number" && !LEFT_OUT.has(entry[0]),
    );
    const step = Object.fromEntries(numbers);
    if (step.step === undefined || (step.step - 1) % stride !== 0) return;
    steps.push(step);
    if (steps.length <= MOST_STEPS) return;
    stride *= 2;
    steps = steps.filter(({ step }) => (step! - 1) % stride === 0);
  }
  return {
    get steps() {
      return steps;
    },
    add,
    into(state) {
      const names = [...new Set(steps.flatMap((step) => Object.keys(step)))].sort();
      const values = Float64Array.from(steps.flatMap((step) => names.map((name) => step[name] ?? Number.NaN)));
      const section = { tensors: { values: tensor("f64", [steps.length, names.length], values) }, json: names };
      return { ...state, sections: { ...state.sections, [HISTORY]: section } };
    },
    from(state) {
      const { [HISTORY]: section, ...sections } = state.sections ?? {};
      const names = (section?.json ?? []) as readonly string[];
      const values = (section?.tensors.values?.data ?? []) as Float64Array;
      steps = [];
      stride = 1;
      for (let at = 0; at < values.length; at += names.length) {
        const entries = names.map((name, i) => [name, values[at + i]!] as const);
        steps.push(Object.fromEntries(entries.filter(([, value]) => !Number.isNaN(value))));
      }
      const [first, second] = steps;
      if (first !== undefined && second !== undefined) stride = second.step! - first.step!;
      const { sections: _, ...bare } = state;
      return Object.keys(sections).length === 0 ? bare : { ...bare, sections };
    },
  };
}
