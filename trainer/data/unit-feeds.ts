import { TrimtabError } from "../../shared/errors.ts";
import type { BatchShape } from "../../shared/model/training-forward.ts";
import { f32, type Tensor, tensor } from "../../shared/tensor.ts";
import { endOf, type Unit, type UnitForm } from "./units.ts";

/** The place of one example in a micro-batch. */
export interface Place {
  /** Counted over the examples of all units that were laid out together. */
  readonly index: number;
  /** Its first token in the flattened [B, T]. */
  readonly start: number;
  readonly length: number;
}

/** The layout of units in a micro-batch's tensors. */
export interface UnitFeedOptions {
  readonly form: UnitForm;
  /** U, the most units of a micro-batch; a graph is compiled for it. */
  readonly capacity: number;
}

interface MicroBatchUnits extends UnitFeedOptions {
  readonly places: readonly Place[];
  readonly shape: BatchShape;
  /** Units of the whole optimizer step. */
  readonly total: number;
}

/** The graph's name for a column. */
export const columnInput = (name: string) => `column#${name}`;

/**
 * The feeds of a micro-batch for its examples and units, at most U units of K examples:
 * - `slots` [B, T] i64, which example a token belongs to: unit · K + place within it, U · K for padding;
 * - `present` [U, K] f32, 1 where there is an example;
 * - `ends` [U, K] i64, the token that ends each example in the flattened [B, T], as `endOf` says;
 * - `total_units` [] f32, the units of the whole optimizer step;
 * - a column `column#name` for each of the form's: [B, T] f32 at the position that predicts the token, [U, K] f32 or [U] f32.
 * Missing entries are 0. Throws `internal_error` where a unit lacks a column or the units exceed the capacity.
 */
export function unitFeeds(units: readonly Unit[], options: MicroBatchUnits): Record<string, Tensor> {
  const { form, capacity, places, shape, total } = options;
  const { examples: perUnit, columns = {} } = form;
  const here = unitsHere(units, places);
  if (here.length > capacity || here.some(({ unit }) => unit.examples.length > perUnit)) {
    throw new TrimtabError(
      "internal_error",
      `a micro-batch holds ${here.length} units of up to ${perUnit} examples, but its graph has room for ${capacity}`,
    );
  }
  const size = shape.rows * shape.tokens;
  const slots = new BigInt64Array(size).fill(BigInt(capacity * perUnit));
  const present = new Float32Array(capacity * perUnit);
  const ends = new BigInt64Array(capacity * perUnit);
  const data = Object.fromEntries(
    Object.entries(columns).map(([name, kind]) => {
      const length = kind === "token" ? size : kind === "example" ? capacity * perUnit : capacity;
      return [name, new Float32Array(length)];
    }),
  );
  for (const [at, { unit, starts }] of here.entries()) {
    for (const [name, kind] of Object.entries(columns)) {
      if (kind === "unit") data[name]![at] = required(unit.columns?.[name], name);
    }
    for (const [k, example] of unit.examples.entries()) {
      const { ids, columns: own } = example;
      const slot = at * perUnit + k;
      const start = starts[k]!;
      present[slot] = 1;
      ends[slot] = BigInt(start + endOf(example));
      slots.fill(BigInt(slot), start, start + ids.length);
      for (const [name, kind] of Object.entries(columns)) {
        if (kind === "unit") continue;
        const value = required(own?.[name], name);
        if (typeof value === "number") data[name]![slot] = value;
        // The number beside a token is about predicting it, which the position before it does.
        else data[name]!.set(value.subarray(1), start);
      }
    }
  }
  const shapeOf = { token: [shape.rows, shape.tokens], example: [capacity, perUnit], unit: [capacity] };
  return {
    slots: tensor("i64", shapeOf.token, slots),
    present: f32(shapeOf.example, present),
    ends: tensor("i64", shapeOf.example, ends),
    total_units: f32([], [total]),
    ...Object.fromEntries(
      Object.entries(columns).map(([name, kind]) => [columnInput(name), f32(shapeOf[kind], data[name]!)]),
    ),
  };
}

/** The units whose examples lie in the micro-batch, in order, with the first token of each example. */
function unitsHere(units: readonly Unit[], places: readonly Place[]) {
  const starts = new Map(places.map(({ index, start }) => [index, start]));
  let first = 0;
  return units.flatMap((unit) => {
    const own = unit.examples.map((_, k) => starts.get(first + k));
    first += unit.examples.length;
    return own.some((start) => start === undefined) ? [] : [{ unit, starts: own as number[] }];
  });
}

function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new TrimtabError("internal_error", `a unit has no value for its column ${name}`);
  return value;
}
