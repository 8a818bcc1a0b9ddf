/** From a grid of values to the steering objects of its cells. */

import { SteeringObject } from "../api/steering.ts";
import type { GridValue } from "../api/steering-sweep.ts";
import { TrimtabError } from "../errors.ts";
import { wordIssue } from "../issue-words.ts";
import { LIMITS } from "../limits.ts";

export type Grid = Readonly<Record<string, readonly GridValue[]>>;

export interface GridCell {
  /** The value at each path. */
  readonly grid: Readonly<Record<string, GridValue>>;
  readonly steering: SteeringObject;
}

type Step = string | number;

/**
 * Every combination of the values, the last path's varying fastest. A path leads through what is in `steering`
 * (`classifier.0.strength` or `classifier[0].strength`) and its last step may be a field that is not there yet.
 *
 * @throws TrimtabError invalid_request, with the path as `param`, for one that leads nowhere or names a place twice, a value
 *   that is there twice or that steering does not take, and more than `LIMITS.sweepCells` cells
 */
export function expandGrid(steering: SteeringObject, grid: Grid): GridCell[] {
  const paths = Object.keys(grid).map((path) => ({ path, steps: stepsOf(path), values: grid[path]! }));
  const places = new Map<string, string>();
  for (const { path, steps, values } of paths) {
    const place = steps.join(".");
    const other = places.get(place);
    if (other !== undefined) throw refused(path, `is the same place as ${JSON.stringify(other)}; keep one of them`);
    places.set(place, path);
    const twice = values.find((value, index) => values.indexOf(value) < index);
    if (twice !== undefined) throw refused(path, `has the value ${JSON.stringify(twice)} twice`);
    holderOf(steering, steps, path);
  }
  const cells = paths.reduce((product, { values }) => product * values.length, 1);
  if (cells > LIMITS.sweepCells) {
    const message = `\`grid\` has ${cells} cells, and a sweep at most ${LIMITS.sweepCells}. Give it fewer values.`;
    throw new TrimtabError("invalid_request", message, { param: "grid" });
  }
  return Array.from({ length: cells }, (_, cell) => {
    let left = cell;
    const chosen = paths.toReversed().map((row) => {
      const value = row.values[left % row.values.length]!;
      left = Math.floor(left / row.values.length);
      return { ...row, value };
    });
    return cellOf(steering, chosen.toReversed());
  });
}

function cellOf(
  steering: SteeringObject,
  chosen: readonly { readonly path: string; readonly steps: readonly Step[]; readonly value: GridValue }[],
): GridCell {
  const changed = structuredClone(steering);
  for (const { path, steps, value } of chosen) {
    holderOf(changed, steps, path)[steps.at(-1)!] = value;
  }
  const parsed = SteeringObject.safeParse(changed);
  if (!parsed.success) {
    const { field, problem } = wordIssue(parsed.error, changed);
    const guilty = chosen.find(({ steps }) => field === worded(steps)) ?? chosen[0]!;
    const where = field === worded(guilty.steps) ? "" : `\`${field}\` `;
    throw refused(guilty.path, `cannot have the value ${JSON.stringify(guilty.value)}: ${where}${problem}`);
  }
  return { grid: Object.fromEntries(chosen.map(({ path, value }) => [path, value])), steering: parsed.data };
}

/** What the path's last step is a field or an element of. */
function holderOf(steering: SteeringObject, steps: readonly Step[], path: string): Record<Step, unknown> {
  let value: unknown = steering;
  for (const [depth, step] of steps.entries()) {
    const at = depth === 0 ? "`steering`" : `\`steering.${worded(steps.slice(0, depth))}\``;
    if (typeof value !== "object" || value === null) throw refused(path, `leads nowhere: ${at} has no fields`);
    if (Array.isArray(value) !== (typeof step === "number")) {
      const wanted = Array.isArray(value) ? "a list, and takes a number" : "no list, and takes the name of a field";
      throw refused(path, `leads nowhere: ${at} is ${wanted}`);
    }
    if (Array.isArray(value) && Number(step) >= value.length) {
      throw refused(path, `leads nowhere: ${at} has ${value.length === 1 ? "1 entry" : `${value.length} entries`}`);
    }
    if (depth === steps.length - 1) return value as Record<Step, unknown>;
    if (!Object.hasOwn(value, step)) throw refused(path, `leads nowhere: ${at} has no \`${step}\``);
    value = (value as Readonly<Record<Step, unknown>>)[step];
  }
  throw refused(path, "is empty");
}

function stepsOf(path: string): Step[] {
  return path
    .replaceAll(/\[(\d+)\]/g, ".$1")
    .split(".")
    .map((step) => {
      if (/^\d{1,4}$/.test(step)) return Number(step);
      if (/^[a-z][a-z0-9_]*$/.test(step)) return step;
      throw refused(path, "is no path; write one such as `classifier.0.strength`");
    });
}

/** As errors name a field: `classifier[0].strength`. */
function worded(steps: readonly Step[]): string {
  return steps
    .map((step, index) => (typeof step === "number" ? `[${step}]` : `${index === 0 ? "" : "."}${step}`))
    .join("");
}

function refused(path: string, why: string): TrimtabError {
  return new TrimtabError("invalid_request", `The path ${JSON.stringify(path)} of \`grid\` ${why}.`, {
    param: `grid.${path}`,
  });
}
