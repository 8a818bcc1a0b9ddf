import type { z } from "zod";
import { TrimtabError } from "../../shared/errors.ts";
import type { DType, Tensor } from "../../shared/tensor.ts";
import type { StepReport } from "./optim-step.ts";
import type { TrainingState } from "./training-state.ts";

/**
 * What an objective carries from step to step beside the parameters: a replay buffer, the state of a controller. It is part of
 * the training state and of every checkpoint, so that a resumed run continues with it.
 */
export interface Section {
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Small; stands in the checkpoint's header. */
  readonly json: unknown;
}
export type Sections = Readonly<Record<string, Section>>;

/** What a section must look like, in the loop and in a checkpoint. */
export interface SectionSpec {
  readonly initial: Section;
  /** Every tensor that it holds; `null` is a dimension of any size. */
  readonly tensors: Readonly<Record<string, { readonly dtype: DType; readonly shape: readonly (number | null)[] }>>;
  readonly json: z.ZodType;
}
export type SectionSpecs = Readonly<Record<string, SectionSpec>>;

/** The sections of a run and how they change. Both hooks are pure functions of what they are given. */
export interface CarriedState {
  readonly specs: SectionSpecs;
  /** The sections that change before a step's batches are made, which then see the new ones. */
  readonly beforeStep?: (state: TrainingState) => Sections | Promise<Sections>;
  /** The sections that change after a step, given its report. */
  readonly afterStep?: (state: TrainingState, report: StepReport) => Sections | Promise<Sections>;
}

export function initialSections(specs: SectionSpecs): Sections {
  return Object.fromEntries(Object.entries(specs).map(([name, { initial }]) => [name, initial]));
}

/** The state with some of its sections replaced. Throws `internal_error` for one that its spec does not allow. */
export function withSections(state: TrainingState, specs: SectionSpecs, changed: Sections): TrainingState {
  if (Object.keys(changed).length === 0) return state;
  for (const [name, section] of Object.entries(changed)) {
    const problem = Object.hasOwn(specs, name) ? sectionProblem(specs[name]!, section) : "it was not declared";
    if (problem !== undefined) {
      throw new TrimtabError("internal_error", `the section ${name} cannot be kept: ${problem}`, { data: { name } });
    }
  }
  return { ...state, sections: { ...state.sections, ...changed } };
}

/** Why a section is not what its spec says; undefined where it is. */
export function sectionProblem(spec: SectionSpec, { tensors, json }: Section): string | undefined {
  for (const [name, { dtype, shape }] of Object.entries(spec.tensors)) {
    const tensor = tensors[name];
    const expected = `${dtype}[${shape.map((size) => size ?? "any").join(", ")}]`;
    if (tensor === undefined) return `it has no tensor ${name}`;
    const fits =
      tensor.shape.length === shape.length && shape.every((size, i) => (size ?? tensor.shape[i]) === tensor.shape[i]);
    if (tensor.dtype !== dtype || !fits) {
      return `its tensor ${name} is ${tensor.dtype}[${tensor.shape.join(", ")}], expected ${expected}`;
    }
  }
  const extra = Object.keys(tensors).find((name) => !Object.hasOwn(spec.tensors, name));
  if (extra !== undefined) return `it has a tensor ${extra} that nothing expects`;
  const parsed = spec.json.safeParse(json);
  return parsed.success ? undefined : `its JSON does not fit: ${parsed.error.issues[0]!.message}`;
}
