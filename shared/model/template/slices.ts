/**
 * Python's indices and slices.
 */
import { PythonError } from "./failure.ts";
import { typeName, Undefined, type Value } from "./values.ts";

export interface SliceBounds {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
}

/** Resolves `[start:stop:step]` for a sequence of `length` items. None is an omitted bound. */
export function sliceBounds(length: number, bounds: readonly [Value, Value, Value]): SliceBounds {
  const [first, last, every] = bounds.map(boundOf) as [number | undefined, number | undefined, number | undefined];
  const step = every ?? 1;
  if (step === 0) throw new PythonError("slice step cannot be zero");
  const lowest = step > 0 ? 0 : -1;
  const highest = step > 0 ? length : length - 1;
  const clamp = (bound: number) => Math.min(Math.max(bound < 0 ? bound + length : bound, lowest), highest);
  return {
    start: first === undefined ? (step > 0 ? lowest : highest) : clamp(first),
    stop: last === undefined ? (step > 0 ? highest : lowest) : clamp(last),
    step,
  };
}

function boundOf(bound: Value): number | undefined {
  if (bound === null) return undefined;
  if (typeof bound === "bigint" || typeof bound === "boolean") return Number(bound);
  if (bound instanceof Undefined) throw bound.error();
  throw new PythonError(`slice indices must be integers or None, not ${typeName(bound)}`);
}

export function sliced<T>(items: readonly T[], { start, stop, step }: SliceBounds): T[] {
  if (step === 1) return items.slice(start, Math.max(start, stop));
  const result: T[] = [];
  for (let index = start; step > 0 ? index < stop : index > stop; index += step) result.push(items[index]!);
  return result;
}
