/** Which combinations of an axis's values become trials. */
import { SWEEP_PATH, type SweepSettings } from "../api/sweeps.ts";
import { TrimtabError } from "../errors.ts";
import { canonicalJson } from "../formats/digest.ts";
import { LIMITS } from "../limits.ts";
import { createRandom } from "../random.ts";
import { drawValue, gridValues } from "./axis-values.ts";

/** What a trial sets, an entry for each axis in their order. */
export type Combination = readonly {
  readonly value: unknown;
  /** The value's place in the axis's list; null for a number of a range. */
  readonly index: number | null;
}[];

/** Draws of one combination before a space counts as used up. */
const TRIES = 200;

/**
 * The combinations of a sweep, in the order of its trials. The same settings and seed give the same ones.
 *
 * @throws TrimtabError invalid_request for a grid of more trials than a sweep may have, and for more trials than there are combinations.
 */
export function combinationsOf(settings: SweepSettings, seed: number): readonly Combination[] {
  const { search, trials, axes } = settings;
  if (trials === undefined || search === "grid") return grid(settings);
  const most = axes.reduce((count, axis) => count * (axis.values?.length ?? Number.POSITIVE_INFINITY), 1);
  const tooMany = (there: number) =>
    refuse("trials", `is ${trials}, but the axes have only ${there} combinations; ask for no more than those`);
  if (trials > most) throw tooMany(most);
  const random = createRandom(seed, "sweep");
  const drawn = new Map<string, Combination>();
  for (let tries = 0; drawn.size < trials; tries++) {
    if (tries === TRIES * trials) throw tooMany(drawn.size);
    const combination = axes.map((axis) => drawValue(axis, random));
    const name = canonicalJson(combination.map(({ value }) => value));
    if (!drawn.has(name)) drawn.set(name, combination);
  }
  return [...drawn.values()];
}

/** Every combination; the last axis changes fastest. */
function grid({ axes }: SweepSettings): readonly Combination[] {
  const values = axes.map((axis) => {
    const inList = axis.values !== undefined;
    return gridValues(axis).map((value, index) => ({ value, index: inList ? index : null }));
  });
  const count = values.reduce((product, own) => product * own.length, 1);
  if (count > LIMITS.trials) {
    const sizes = values.map((own) => own.length).join(" × ");
    throw refuse(
      "axes",
      `has ${count} combinations (${sizes}), but a sweep has at most ${LIMITS.trials} trials; try fewer values, or the search \`random\``,
    );
  }
  return values.reduce<Combination[]>(
    (begun, own) => begun.flatMap((combination) => own.map((value) => [...combination, value])),
    [[]],
  );
}

function refuse(field: string, problem: string): TrimtabError {
  const param = `${SWEEP_PATH}.${field}`;
  return new TrimtabError("invalid_request", `\`${param}\` ${problem}.`, { param });
}
