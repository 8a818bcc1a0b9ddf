/** The measured step with the lowest validation loss, and when a run without a lower one ends. Kept in checkpoints. */
import { z } from "zod";
import type { KeepingHyperparameters } from "../../../shared/api/keeping-settings.ts";
import type { Parameter } from "../../../shared/peft/method.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import type { SectionSpec } from "../../loop/sections.ts";
import type { TrainingState } from "../../loop/training-state.ts";

/** The name of its section in checkpoints. */
export const BEST = "best_step";

export interface BestStep {
  /** How the section looks in a checkpoint. */
  readonly spec: SectionSpec;
  /** Takes the loss that was measured after the state's step. */
  add(state: TrainingState, loss: number): void;
  /** Why the run ends before its next step; undefined: it goes on. */
  stop(): string | undefined;
  /** The best state so far; undefined before the first measurement. Of its tensors it has the parameters alone. */
  best(): { readonly state: TrainingState; readonly loss: number } | undefined;
  /** The state with what is known of the best one, for a checkpoint. */
  into(state: TrainingState): TrainingState;
  /** Takes what a checkpoint holds, and returns the state without it. */
  from(state: TrainingState): TrainingState;
}

const Course = z.strictObject({
  /** Absent before the first measurement. */
  best: z
    .strictObject({ step: z.int().min(1), trained_tokens: z.int().min(0), loss: z.number(), train_loss: z.number() })
    .optional(),
  /** The loss that the next one must be below, less the least difference. */
  reference: z.number().optional(),
  misses: z.int().min(0),
});
type Course = z.infer<typeof Course>;

const NONE: Course = { misses: 0 };

export interface BestStepOptions {
  readonly parameters: readonly Parameter[];
  readonly settings: Pick<KeepingHyperparameters, "early_stopping_patience" | "early_stopping_min_delta">;
}

/** Whether a run keeps its best step. */
export function keepsBest(settings: KeepingHyperparameters): boolean {
  return settings.load_best_model_at_end === true || settings.early_stopping_patience !== undefined;
}

export function createBestStep({ parameters, settings }: BestStepOptions): BestStep {
  const { early_stopping_patience: patience, early_stopping_min_delta: least = 0 } = settings;
  let course = NONE;
  let tensors: Readonly<Record<string, Tensor>> = {};
  /** Before the first measurement there is nothing to keep, but a section always has the same tensors, of any size. */
  const empty = Object.fromEntries(
    parameters.map(
      ({ name, shape }) =>
        [
          name,
          f32(
            shape.map(() => 0),
            new Float32Array(shape.length === 0 ? 1 : 0),
          ),
        ] as const,
    ),
  );
  const spec: SectionSpec = {
    initial: { tensors: empty, json: NONE },
    tensors: Object.fromEntries(
      parameters.map(({ name, shape }) => [name, { dtype: "f32", shape: shape.map(() => null) }] as const),
    ),
    json: Course,
    optional: true,
  };
  return {
    spec,
    add(state, loss) {
      const { step, trainedTokens } = state;
      const isBest = course.best === undefined || loss < course.best.loss;
      const isLower = course.reference === undefined || loss < course.reference - least;
      if (isBest) tensors = Object.fromEntries(parameters.map(({ name }) => [name, state.tensors[name]!]));
      course = {
        best: isBest ? { step, trained_tokens: trainedTokens, loss, train_loss: state.loss! } : course.best,
        reference: isLower ? loss : course.reference,
        misses: isLower ? 0 : course.misses + 1,
      };
    },
    stop() {
      if (patience === undefined || course.misses < patience) return undefined;
      const { step, loss } = course.best!;
      const times = patience === 1 ? "once" : `${patience} times in a row`;
      const by = least === 0 ? "" : ` by more than ${least}`;
      return `the validation loss was measured ${times} without being lower${by}; the lowest is ${loss.toFixed(4)}, after step ${step}`;
    },
    best() {
      if (course.best === undefined) return undefined;
      const { step, trained_tokens: trainedTokens, loss, train_loss: trainLoss } = course.best;
      return { state: { step, trainedTokens, loss: trainLoss, tensors }, loss };
    },
    into(state) {
      const section = { tensors: course.best === undefined ? empty : tensors, json: course };
      return { ...state, sections: { ...state.sections, [BEST]: section } };
    },
    from(state) {
      const { [BEST]: section, ...sections } = state.sections ?? {};
      if (section !== undefined) {
        course = section.json as Course;
        tensors = course.best === undefined ? {} : section.tensors;
      }
      const { sections: _, ...bare } = state;
      return Object.keys(sections).length === 0 ? bare : { ...bare, sections };
    },
  };
}
