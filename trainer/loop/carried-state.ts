import { TrimtabError } from "../../shared/errors.ts";
import type { StepReport } from "./optim-step.ts";
import { type SectionSpecs, type Sections, sectionProblem } from "./sections.ts";
import type { TrainingState } from "./training-state.ts";

/** The sections of a run and how they change. Both hooks are pure functions of their arguments. */
export interface CarriedState {
  readonly specs: SectionSpecs;
  /** Returns the sections that change before a step's batches are made; the batches see the new ones. */
  readonly beforeStep?: (state: TrainingState) => Sections | Promise<Sections>;
  /** Returns the sections that change after a step, given its report. */
  readonly afterStep?: (state: TrainingState, report: StepReport) => Sections | Promise<Sections>;
}

/** The state with some sections replaced. Throws `internal_error` for one that does not match its spec. */
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
