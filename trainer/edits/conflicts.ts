import { plain, relationOf } from "../../shared/edits/check-facts.ts";
import type { EditFact } from "../../shared/edits/fact.ts";
import type { EditConflict } from "../../shared/edits/report.ts";
import { cholesky, solveRows } from "../../shared/linalg/cholesky.ts";
import { type DenseMatrix, sizes } from "../../shared/linalg/matrix.ts";
import type { EarlierEdit } from "./earlier-edits.ts";

/** Keys closer than this disturb each other: more than half of one's change is felt at the other. */
export const INTERFERING_DEGREES = 45;
/** Conflicts of interfering keys that are reported, the closest first. */
const MOST_INTERFERING = 200;
const MAXIMAL_JITTER = 1e-10;

type Stated = Pick<EditFact, "prompt" | "subject" | "target_new">;

interface Other extends Stated {
  /** null for a fact of the same call. */
  readonly edit: string | null;
  readonly fact: number;
}

/** Facts that say something of the same subject and relation as an earlier edit, or as one before them in the list. */
export function statedConflicts(facts: readonly Stated[], edits: readonly EarlierEdit[]): EditConflict[] {
  const conflicts: EditConflict[] = [];
  const seen = new Map<string, Other[]>();
  const keyOf = (one: Stated) => JSON.stringify([plain(one.subject), relationOf(one)]);
  const remember = (one: Other) => seen.set(keyOf(one), [...(seen.get(keyOf(one)) ?? []), one]);
  for (const { id, file } of edits)
    for (const [fact, one] of file.facts.entries()) remember({ ...one, edit: id, fact });
  for (const [index, fact] of facts.entries()) {
    for (const other of seen.get(keyOf(fact)) ?? []) {
      const same = plain(other.target_new) === plain(fact.target_new);
      const where = other.edit === null ? `fact ${other.fact}` : `fact ${other.fact} of ${other.edit}`;
      conflicts.push({
        kind: same ? "same_subject_and_relation" : "contradicting_targets",
        fact: index,
        with: placeOf(other),
        angle_degrees: null,
        message: same
          ? `says the same of ${JSON.stringify(fact.subject)} as ${where}`
          : `says ${JSON.stringify(fact.target_new)} of ${JSON.stringify(fact.subject)} where ${where} says ${JSON.stringify(other.target_new)}`,
      });
    }
    remember({ ...fact, edit: null, fact: index });
  }
  return conflicts;
}

/**
 * Pairs of keys whose angle, in the metric C⁻¹ of the solve, is below 45°: the change for one is felt at the other by the cosine.
 * Facts of one subject have almost the same key whatever their relation, since it is read at the subject.
 */
export function interferingKeys(
  facts: readonly Stated[],
  keys: DenseMatrix,
  {
    edits,
    layer,
    secondMoment,
  }: { readonly edits: readonly EarlierEdit[]; readonly layer: number; readonly secondMoment: DenseMatrix },
): EditConflict[] {
  const factor = cholesky(secondMoment, { name: "C, the second moment of the keys,", maximalJitter: MAXIMAL_JITTER });
  const [count, width] = sizes(keys);
  const dual = solveRows(factor, keys);
  const own = lengths(keys, dual);
  const found: (EditConflict & { angle_degrees: number })[] = [];
  const compare = (index: number, row: Float64Array, length: number, other: Other) => {
    let dot = 0;
    for (let at = 0; at < width; at++) dot += dual.data[index * width + at]! * row[at]!;
    const angle = (Math.acos(Math.min(1, Math.max(-1, dot / (own[index]! * length)))) * 180) / Math.PI;
    if (!(angle < INTERFERING_DEGREES)) return;
    const where = other.edit === null ? `fact ${other.fact}` : `fact ${other.fact} of ${other.edit}`;
    found.push({
      ...{ kind: "interfering_keys", fact: index, with: placeOf(other), angle_degrees: angle },
      message: `has almost the key of ${where}, ${angle.toFixed(1)}° apart: what one says may be felt by the other`,
    });
  };
  for (let index = 0; index < count; index++) {
    for (let before = 0; before < index; before++) {
      compare(index, rowOf(keys, before), own[before]!, { ...facts[before]!, edit: null, fact: before });
    }
  }
  for (const { id, file } of edits) {
    const earlier = file.keys.get(layer);
    if (earlier === undefined || sizes(earlier)[1] !== width) continue;
    const norms = lengths(earlier, solveRows(factor, earlier));
    for (const [fact, stated] of file.facts.entries()) {
      if (!(norms[fact]! > 0)) continue;
      for (let index = 0; index < count; index++) {
        compare(index, rowOf(earlier, fact), norms[fact]!, { ...stated, edit: id, fact });
      }
    }
  }
  return found.sort((a, b) => a.angle_degrees - b.angle_degrees).slice(0, MOST_INTERFERING);
}

const placeOf = ({ edit, fact, prompt, target_new }: Other) => ({ edit, fact, prompt, target_new });

const rowOf = (matrix: DenseMatrix, row: number) =>
  matrix.data.subarray(row * sizes(matrix)[1], (row + 1) * sizes(matrix)[1]);

/** √(k C⁻¹ kᵀ) of each row k. */
function lengths(keys: DenseMatrix, dual: DenseMatrix): Float64Array {
  const [count, width] = sizes(keys);
  return Float64Array.from({ length: count }, (_, row) => {
    let sum = 0;
    for (let at = row * width; at < (row + 1) * width; at++) sum += keys.data[at]! * dual.data[at]!;
    return Math.sqrt(Math.max(0, sum));
  });
}
