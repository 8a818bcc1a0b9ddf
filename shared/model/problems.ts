import { TrimtabError } from "../errors.ts";

/** A problem in a model's folder that must be fixed before the model can be used. */
export interface ModelProblem {
  readonly file: string;
  /** The field's path, such as `rope_scaling.factor`; empty if the problem concerns the whole file. */
  readonly field: string;
  /** What is wrong and what to do. */
  readonly reason: string;
}

/** One `invalid_model` error for all problems. `param` is the field of the first one, `data.problems` lists them. */
export function modelError(problems: readonly [ModelProblem, ...ModelProblem[]]): TrimtabError {
  const [first, ...others] = problems;
  const message =
    others.length === 0
      ? problemText(first)
      : [`${problems.length} things in the model have to change:`, ...problems.map(problemText)].join("\n- ");
  const param = first.field === "" ? {} : { param: first.field };
  return new TrimtabError("invalid_model", message, { ...param, data: { problems } });
}

/** Throws all problems as one error. Does nothing if there are none. */
export function throwProblems(problems: readonly ModelProblem[]): void {
  const [first, ...others] = problems;
  if (first !== undefined) throw modelError([first, ...others]);
}

/** Runs a step and adds the `invalid_model` errors that it throws to `problems`. Returns undefined if it failed. */
export async function collected<T>(
  problems: ModelProblem[],
  file: string,
  step: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    const listed = error.data.problems as readonly ModelProblem[] | undefined;
    problems.push(...(listed ?? [problemOf(error.message, file)]));
    return undefined;
  }
}

function problemText({ file, field, reason }: ModelProblem): string {
  // Some reasons are sentences about the file.
  if (field === "" && /^(is|has|gives|lacks|contains) /.test(reason)) return `${file} ${reason}`;
  return [file, field, reason].filter((part) => part !== "").join(": ");
}

/** Most messages begin with the file that they concern, which may differ from the step's file. */
function problemOf(message: string, file: string): ModelProblem {
  const [, named, reason] = /^([\w.-]+\.(?:json|jinja|safetensors))(?::|(?= )) ?(.*)$/s.exec(message) ?? [];
  return { file: named ?? file, field: "", reason: reason ?? message };
}
