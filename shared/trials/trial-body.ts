/** From a sweep's request to the requests of its trials, and from their errors back to the sweep's fields. */
import { CreateJob } from "../api/jobs.ts";
import { Method } from "../api/methods.ts";
import { SWEEP_PATH, type SweepSettings } from "../api/sweeps.ts";
import { TrimtabError } from "../errors.ts";
import { valueAt } from "../issue-words.ts";
import type { Combination } from "./combinations.ts";

/** Fields of a job that are the same for all trials, or that the sweep itself has. */
const NOT_SWEPT: ReadonlySet<string> = new Set([
  "method",
  "hyperparameters",
  "suffix",
  "metadata",
  "integrations",
  "evals",
]);

/** Whether an axis may set this field of a job, beside its method. */
const isJobField = (name: string) => Object.hasOwn(CreateJob.shape, name) && !NOT_SWEPT.has(name);

/** A request, before its schema has looked at it. */
export type Body = Readonly<Record<string, unknown>>;

type Container = Record<string | number, unknown>;

/** The value of each axis by its path, as a trial shows them. */
export function shownSettings({ axes }: SweepSettings, combination: Combination): Record<string, unknown> {
  return Object.fromEntries(axes.map(({ path }, index) => [path, combination[index]!.value]));
}

/**
 * The body of a trial's request: the sweep's with the axes' values set. Whole methods are set first, and what lies deeper last, so
 * that an axis may change a part of what another sets.
 *
 * @throws TrimtabError invalid_request for a path that leads through something that is no object, naming the axis.
 */
export function trialBody(body: Body, settings: SweepSettings, combination: Combination): Body {
  const { method: _, ...job } = structuredClone(body) as Record<string, unknown>;
  const trial: Container = { ...job, method: structuredClone(settings.method ?? {}) };
  const order = settings.axes.map((axis, index) => ({ index, steps: stepsOf(axis.path) }));
  const depth = (steps: readonly (string | number)[]) => (isMethod(steps) ? 0 : steps.length);
  for (const { index, steps } of order.toSorted((a, b) => depth(a.steps) - depth(b.steps) || a.index - b.index)) {
    const value = structuredClone(combination[index]!.value);
    const [first] = steps;
    if (isMethod(steps) && !isObject(value)) {
      const list = settings.axes[index]!.values === undefined ? "" : `values[${combination[index]!.index}]`;
      throw atAxis(index, list || "values", 'must be a method, such as {"type": "supervised"}');
    }
    if (isJobField(String(first)) || isMethod(steps)) setAt(trial, steps, { value, axis: index });
    else if (first === "method")
      throw atAxis(
        index,
        "path",
        `must begin inside the method's settings, such as hyperparameters.learning_rate, or be \`method\` alone`,
      );
    else setAt(trial, ["method", typeOf(trial), ...steps], { value, axis: index });
  }
  if (settings.halving !== undefined) setSteps(trial, settings.halving.max_steps);
  return trial;
}

const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);

const isMethod = (steps: readonly (string | number)[]) => steps.length === 1 && steps[0] === "method";

function typeOf(trial: Container): string {
  const { type } = (trial.method ?? {}) as { type?: unknown };
  return typeof type === "string" ? type : "";
}

/** Halving takes every trial to the same number of steps, if it goes all the way. */
function setSteps(trial: Container, steps: number): void {
  const type = typeOf(trial);
  const own = ((trial.method as Container)[type] ?? {}) as Container;
  const given = (own.hyperparameters ?? {}) as Container;
  const other = (["max_steps", "n_epochs"] as const).find(
    (name) => given[name] !== undefined && given[name] !== "auto" && given[name] !== steps,
  );
  if (other !== undefined) {
    const param = `${SWEEP_PATH}.method.${type}.hyperparameters.${other}`;
    const message = `\`${param}\` says how long a trial is, which the search \`halving\` does: leave it out.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  const { n_epochs: _, ...others } = given;
  (trial.method as Container)[type] = { ...own, hyperparameters: { ...others, max_steps: steps } };
}

/** `peft[0].r` → `["peft", 0, "r"]` */
function stepsOf(path: string): (string | number)[] {
  return [...path.matchAll(/([A-Za-z0-9_]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));
}

function setAt(
  root: Container,
  steps: readonly (string | number)[],
  { value, axis }: { readonly value: unknown; readonly axis: number },
): void {
  let at: Container = root;
  for (const [depth, step] of steps.entries()) {
    if (Array.isArray(at) && Number(step) >= at.length) {
      throw atAxis(axis, "path", `names the place ${step} of a list of ${at.length}`);
    }
    if (depth === steps.length - 1) break;
    const inList = typeof steps[depth + 1] === "number";
    const next = Object.hasOwn(at, step) ? at[step] : undefined;
    if (next === undefined && !inList) at[step] = kindByDefault(steps.slice(0, depth + 1));
    else if (typeof next !== "object" || next === null || Array.isArray(next) !== inList) {
      const there = next === undefined ? "nothing" : Array.isArray(next) ? "a list" : JSON.stringify(next).slice(0, 60);
      throw atAxis(axis, "path", `leads through \`${String(step)}\`, where there is ${there}`);
    }
    at = at[step] as Container;
  }
  at[steps.at(-1)!] = value;
}

/** An object that the request leaves out, where an axis sets a part of it: of the kind that it has by default. */
function kindByDefault([field, type, ...steps]: readonly (string | number)[]): Container {
  if (field !== "method") return {};
  const whole = Method.safeParse({ type, [String(type)]: {} });
  const kind = whole.success ? valueAt(whole.data, [String(type), ...steps, "type"]) : undefined;
  return typeof kind === "string" ? { type: kind } : {};
}

function atAxis(index: number, field: string, problem: string): TrimtabError {
  const param = `${SWEEP_PATH}.axes[${index}].${field}`;
  return new TrimtabError("invalid_request", `\`${param}\` ${problem}.`, { param });
}

export interface TrialPlace {
  /** From 1. */
  readonly trial: number;
  readonly settings: SweepSettings;
  readonly combination: Combination;
  /** Of the trial's method. */
  readonly type: string;
}

/** A trial's error as the sweep's: with the axis that has set the field, or the field of the method that trials share. */
export function trialError(error: TrimtabError, { trial, settings, combination, type }: TrialPlace): TrimtabError {
  const { code, data, param = "" } = error;
  const named = settings.axes.findIndex(({ path }) => covers(fieldOf(path, type), param));
  const axis = named >= 0 ? named : settings.axes.findIndex(({ path }) => covers(param, fieldOf(path, type)));
  const message = `Trial ${trial} (${inWords(settings, combination)}): ${error.message}`;
  const unknown = /^Unknown field/.test(error.message);
  const place =
    axis < 0
      ? param.replace(/^method(?=$|\.)/, `${SWEEP_PATH}.method`)
      : `${SWEEP_PATH}.axes[${axis}]${placeIn(combination[axis]!.index, unknown)}`;
  return new TrimtabError(code, message, { ...(place === "" ? {} : { param: place }), data, cause: error });
}

const placeIn = (index: number | null, unknown: boolean) =>
  unknown ? ".path" : index === null ? "" : `.values[${index}]`;

/** The field of a trial's request that an axis sets. */
function fieldOf(path: string, type: string): string {
  const isOfJob = isJobField(/^[A-Za-z0-9_]+/.exec(path)?.[0] ?? "") || path === "method";
  return isOfJob ? path : `method.${type}.${path}`;
}

/** Whether a field is another, or contains it. */
function covers(field: string, other: string): boolean {
  return field !== "" && (other === field || other.startsWith(`${field}.`) || other.startsWith(`${field}[`));
}

/** How much of a value is shown. */
const SHOWN = 60;

/** `peft.r 8, hyperparameters.learning_rate 0.001` */
export function inWords(settings: SweepSettings, combination: Combination): string {
  return Object.entries(shownSettings(settings, combination))
    .map(([path, value]) => `${path} ${shortValue(value)}`)
    .join(", ");
}

export function shortValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN - 1)}…` : text;
}
