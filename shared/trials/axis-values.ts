/** The values that an axis of a sweep stands for. */
import type { SweepAxis } from "../api/sweeps.ts";
import type { Random } from "../random.ts";

/** Digits of a number of a range: more say nothing of a setting, and make names and tables long. */
const DIGITS = 6;

/** Every value of an axis in a grid: its list, or numbers at even distances on its scale, both ends among them. */
export function gridValues(axis: SweepAxis): readonly unknown[] {
  if (axis.values !== undefined) return axis.values;
  const { steps = 2 } = axis;
  const values = Array.from({ length: steps }, (_, step) => at(axis, step / (steps - 1)));
  return [...new Set(values)];
}

/** One value, drawn uniformly on the axis's scale. `index` is its place in the list, if it is from one. */
export function drawValue(axis: SweepAxis, random: Random): { readonly value: unknown; readonly index: number | null } {
  if (axis.values !== undefined) {
    const index = random.below(axis.values.length);
    return { value: axis.values[index], index };
  }
  return { value: at(axis, random.float()), index: null };
}

/** The number that lies a share of the way through a range. */
function at({ min = 0, max = 0, scale, integer }: SweepAxis, share: number): number {
  const exact = scale === "log" ? min * (max / min) ** share : min + share * (max - min);
  const value = integer === true ? Math.round(exact) : Number(exact.toPrecision(DIGITS));
  const [low, high] = integer === true ? [Math.ceil(min), Math.floor(max)] : [min, max];
  return Math.min(high, Math.max(low, value));
}
