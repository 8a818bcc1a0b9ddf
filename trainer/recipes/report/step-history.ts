/** The metrics of a run's steps, kept in its checkpoints so that a resumed run reports all of them. */
import { z } from "zod";
import { tensor } from "../../../shared/tensor.ts";
import type { SectionSpec } from "../../loop/sections.ts";
import type { TrainingState } from "../../loop/training-state.ts";

/** The name of its section in checkpoints. */
export const HISTORY = "step_history";

/** Rows that are kept of each kind, at even distances, and the newest besides. */
const MOST_ROWS = 512;
/** Measurements of the machine, which differ from run to run. */
const LEFT_OUT = new Set(["tokens_per_second", "total_steps"]);
/** How the names begin of what is measured now and then, on the validation file and beside it. */
const MEASURED = ["valid_", "forgetting/", "memorisation/"];

type StepData = Readonly<Record<string, number>>;

/** Rows of a run of any length: each `stride`-th of the `count` that came, and the newest. */
interface Thinned {
  readonly kept: readonly StepData[];
  readonly newest?: StepData;
  readonly stride: number;
  readonly count: number;
}

const EMPTY: Thinned = { kept: [], stride: 1, count: 0 };

const Names = z.array(z.string());
const List = z.strictObject({ kept: z.int().min(0), stride: z.int().min(1), count: z.int().min(0) });

/**
 * `values` [rows, metrics], NaN where a row lacks a metric: the kept rows of each list and then its newest, if it has any. The JSON
 * has the metrics' names and the lists; names alone are of a version that kept one list, whose rows are taken as they are.
 */
export const HISTORY_SPEC: SectionSpec = {
  initial: { tensors: { values: tensor("f64", [0, 0], new Float64Array(0)) }, json: [] },
  tensors: { values: { dtype: "f64", shape: [null, null] } },
  json: z.union([Names, z.strictObject({ names: Names, steps: List, measured: List })]),
  optional: true,
};
type HistoryJson = string[] | ({ names: string[] } & Record<"steps" | "measured", z.infer<typeof List>>);

export interface StepHistory {
  /**
   * In order: at most `MOST_ROWS` of all steps and as many of those after which something was measured, such as the validation
   * file, and of both the newest.
   */
  readonly steps: readonly StepData[];
  /** Takes what a step reported, `step` among it. */
  add(data: Readonly<Record<string, unknown>>): void;
  /** The state with the history, for a checkpoint. */
  into(state: TrainingState): TrainingState;
  /** The state without the history, which is taken over. */
  from(state: TrainingState): TrainingState;
}

export function createStepHistory(): StepHistory {
  let [steps, measured] = [EMPTY, EMPTY];

  function add(data: Readonly<Record<string, unknown>>): void {
    const numbers = Object.entries(data).filter(
      (entry): entry is [string, number] => typeof entry[1] === "number" && !LEFT_OUT.has(entry[0]),
    );
    const row = Object.fromEntries(numbers);
    if (row.step === undefined) return;
    steps = thinned(steps, row);
    // A run measures far less often than it steps, and seldom at the steps that happen to be kept.
    if (numbers.some(([name]) => MEASURED.some((start) => name.startsWith(start)))) measured = thinned(measured, row);
  }

  return {
    get steps() {
      const all = [steps, measured].flatMap(rowsOf).map((row) => [row.step!, row] as const);
      return [...new Map(all).values()].sort((a, b) => a.step! - b.step!);
    },
    add,
    into(state) {
      const rows = [steps, measured].flatMap(rowsOf);
      const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].sort();
      const values = Float64Array.from(rows.flatMap((row) => names.map((name) => row[name] ?? Number.NaN)));
      const shapeOf = ({ kept, stride, count }: Thinned) => ({ kept: kept.length, stride, count });
      const json: HistoryJson = { names, steps: shapeOf(steps), measured: shapeOf(measured) };
      const section = { tensors: { values: tensor("f64", [rows.length, names.length], values) }, json };
      return { ...state, sections: { ...state.sections, [HISTORY]: section } };
    },
    from(state) {
      const { [HISTORY]: section = HISTORY_SPEC.initial, ...sections } = state.sections ?? {};
      const json = section.json as HistoryJson;
      const rows = readRows(section.tensors.values!.data as Float64Array, "names" in json ? json.names : json);
      [steps, measured] = [EMPTY, EMPTY];
      if ("names" in json) {
        const take = ({ kept, stride, count }: z.infer<typeof List>): Thinned => {
          const [own, [newest]] = [rows.splice(0, kept), count === 0 ? [] : rows.splice(0, 1)];
          return { kept: own, stride, count, ...(newest === undefined ? {} : { newest }) };
        };
        [steps, measured] = [take(json.steps), take(json.measured)];
      } else {
        for (const row of rows) add(row);
      }
      const { sections: _, ...bare } = state;
      return Object.keys(sections).length === 0 ? bare : { ...bare, sections };
    },
  };
}

function thinned({ kept, stride, count }: Thinned, row: StepData): Thinned {
  const more = count % stride === 0 ? [...kept, row] : kept;
  const next = { newest: row, count: count + 1 };
  if (more.length <= MOST_ROWS) return { ...next, kept: more, stride };
  return { ...next, kept: more.filter((_, at) => at % 2 === 0), stride: 2 * stride };
}

function rowsOf({ kept, newest }: Thinned): readonly StepData[] {
  return newest === undefined ? kept : [...kept, newest];
}

function readRows(values: Float64Array, names: readonly string[]): StepData[] {
  const rows: StepData[] = [];
  for (let at = 0; at < values.length; at += names.length) {
    const entries = names.map((name, i) => [name, values[at + i]!] as const);
    rows.push(Object.fromEntries(entries.filter(([, value]) => !Number.isNaN(value))));
  }
  return rows;
}
