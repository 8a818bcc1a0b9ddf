/** How stages of a pipeline refer to each other: by `model`, and by `stage:NAME` wherever a method's settings name a model. */
import { TrimtabError } from "../errors.ts";
import { type Method, modelsAskedBy, modelsNamedBy, type NamedModel } from "./methods.ts";
import { isPipeline, isTrained, type JobMethod, type Pipeline, type Stage, stagePath } from "./pipelines.ts";

const PREFIX = "stage:";

/** A model that the settings of a method name; `scorer` is left out where any model will do. */
export type Named = Pick<NamedModel, "name" | "param"> & Partial<Pick<NamedModel, "scorer">>;
export type NamedBy = (method: Method) => readonly Named[];

/** Every model that a method's settings name, with its field: `method.ppo.reward.model`. */
export const allNamed: NamedBy = (method) => [...modelsNamedBy(method), ...modelsAskedBy(method)];

/** The deltas that a job's method names, each with its whole field, and not those that an earlier stage will make. */
export function modelsNamedByJob(method: JobMethod): readonly NamedModel[] {
  return ofJob(method, modelsNamedBy);
}

/** The same of the models that it asks over the API. */
export function modelsAskedByJob(method: JobMethod): readonly Pick<NamedModel, "name" | "param">[] {
  return ofJob(method, modelsAskedBy);
}

function ofJob<T extends Pick<NamedModel, "name" | "param">>(
  method: JobMethod,
  namedBy: (method: Method) => readonly T[],
): readonly T[] {
  if (isTrained(method)) return namedBy(method);
  // A sweep's trials name their models themselves.
  if (!isPipeline(method)) return [];
  const { stages } = method.pipeline as Pipeline;
  return stages.flatMap((stage, index) => {
    const outside = namedBy(stage.method).filter(({ name }) => stageNamed(name) === undefined);
    return outside.map((one) => ({ ...one, param: `${stagePath(index)}.${one.param}` }));
  });
}

/** The stage that a model's name stands for; undefined for any other name. */
export function stageNamed(name: string): string | undefined {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;
}

/** The scorers that results have, by the type that makes them. */
const SCORERS: Readonly<Record<string, NamedModel["scorer"]>> = {
  classifier: "classifier",
  reward_model: "reward",
};

/** The scorer of a method's result; undefined for a model that answers. */
export function scorerOf(method: Method): NamedModel["scorer"] | undefined {
  if (method.type === "constitutional" && method.constitutional.mode === "reward_model") return "reward";
  return SCORERS[method.type];
}

/**
 * Checks that stages have different names and refer to earlier ones alone, whose results are what the reference needs.
 *
 * @throws TrimtabError invalid_request with the field that is wrong.
 */
export function checkReferences({ stages }: Pipeline, namedBy: NamedBy = allNamed): void {
  const names = stages.map(({ name }) => name);
  for (const [index, stage] of stages.entries()) {
    const path = stagePath(index);
    if (names.indexOf(stage.name) < index) {
      throw refuse(`${path}.name`, `names the stage ${stage.name} a second time`);
    }
    const earlier = stages.slice(0, index);
    if (typeof stage.model === "object") requireEarlier(earlier, stage.model.stage, `${path}.model.stage`, names);
    for (const { name, param, scorer } of namedBy(stage.method)) {
      const named = stageNamed(name);
      if (named === undefined) continue;
      const place = `${path}.${param}`;
      const { method } = requireEarlier(earlier, named, place, names);
      const made = scorerOf(method);
      if (made === scorer) continue;
      const needed =
        scorer === undefined ? "a model that answers" : `a ${scorer === "reward" ? "reward model" : scorer}`;
      throw refuse(place, `names the stage ${named}, whose type is ${method.type}, but ${needed} is needed`);
    }
  }
}

function requireEarlier(earlier: readonly Stage[], name: string, param: string, all: readonly string[]): Stage {
  const found = earlier.find((stage) => stage.name === name);
  if (found !== undefined) return found;
  const before = earlier.map((stage) => stage.name).join(", ");
  const there = before === "" ? "there is none before this one" : `those before this one are ${before}`;
  const what = all.includes(name) ? "which does not come before this one" : "which there is not";
  throw refuse(param, `names the stage ${JSON.stringify(name)}, ${what}; ${there}`);
}

/** The method with the models' names in place of the stages'. */
export function withModels(method: Method, modelOf: (stage: string) => string, namedBy: NamedBy = allNamed): Method {
  const copy = structuredClone(method);
  for (const { name, param } of namedBy(method)) {
    const stage = stageNamed(name);
    if (stage !== undefined) setAt(copy, param, modelOf(stage));
  }
  return copy;
}

/** Sets the field of a method that a path such as `method.ppo.reward.models[1]` names. */
function setAt(method: Method, param: string, value: string): void {
  const steps = param.split(/[.[\]]+/).filter((step) => step !== "");
  const last = steps.pop()!;
  let at = { method } as unknown as Record<string, unknown>;
  for (const step of steps) at = at[step] as Record<string, unknown>;
  at[last] = value;
}

function refuse(param: string, problem: string): TrimtabError {
  return new TrimtabError("invalid_request", `\`${param}\` ${problem}.`, { param });
}
