import type { EditFact } from "../../shared/edits/fact.ts";
import type { EditConflict } from "../../shared/edits/report.ts";
import type { EarlierFact } from "../../shared/edits/textual-conflicts.ts";
import { cholesky, solveRows } from "../../shared/linalg/cholesky.ts";
import { type DenseMatrix, sizes } from "../../shared/linalg/matrix.ts";
import type { EarlierEdit } from "./earlier-edits.ts";

/** Keys closer than this disturb each other: more than half of one's change is felt at the other. */
export const INTERFERING_DEGREES = 45;
/** Conflicts of interfering keys that are reported, the closest first. */
const MOST_INTERFERING = 200;
/** Angles only warn, so that statistics of fewer tokens than the keys are wide, which alphaedit can do with, still give some. */
const MAXIMAL_JITTER = 1e-4;
/** Multiplications after which other work, such as a heartbeat, has its turn. */
const WORK_OF_A_TURN = 1 << 24;

type Stated = Pick<EditFact, "prompt" | "subject" | "target_new">;

/** The facts of earlier edits, by their places there. */
export function earlierFacts(edits: readonly EarlierEdit[]): EarlierFact[] {
  return edits.flatMap(({ id, file }) => file.facts.map((one) => earlierFact(id, one)));
}

const earlierFact = (edit: string, { index, ...stated }: EarlierEdit["file"]["facts"][number]): EarlierFact => ({
  ...stated,
  ...{ edit, fact: index },
});

export interface KeyComparison {
  readonly edits: readonly EarlierEdit[];
  readonly layer: number;
  /** C [in, in] */
  readonly secondMoment: DenseMatrix;
  readonly yieldToEventLoop: () => Promise<void>;
}

/**
 * Pairs of keys whose angle, in the metric C⁻¹ of the solve, is below 45°: the change for one is felt at the other by the cosine.
 * Facts of one subject have almost the same key whatever their relation, since it is read at the subject.
 */
export async function interferingKeys(
  facts: readonly Stated[],
  keys: DenseMatrix,
  { edits, layer, secondMoment, yieldToEventLoop }: KeyComparison,
): Promise<EditConflict[]> {
  const factor = cholesky(secondMoment, { name: "C, the second moment of the keys,", maximalJitter: MAXIMAL_JITTER });
  const [count, width] = sizes(keys);
  const dual = solveRows(factor, keys);
  const own = lengths(keys, dual);
  let found: (EditConflict & { angle_degrees: number })[] = [];
  let widest = INTERFERING_DEGREES;
  let work = 0;
  const compare = (index: number, row: Float64Array, length: number, other: EarlierFact) => {
    let dot = 0;
    for (let at = 0; at < width; at++) dot += dual.data[index * width + at]! * row[at]!;
    const angle = (Math.acos(Math.min(1, Math.max(-1, dot / (own[index]! * length)))) * 180) / Math.PI;
    if (!(angle < widest)) return;
    found.push(interference(index, other, angle));
    if (found.length < 2 * MOST_INTERFERING) return;
    found = closest(found);
    widest = found.at(-1)!.angle_degrees;
  };
  const giveTurn = async (compared: number) => {
    work += compared * width;
    if (work < WORK_OF_A_TURN) return;
    work = 0;
    await yieldToEventLoop();
  };
  for (let index = 0; index < count; index++) {
    for (let before = 0; before < index; before++) {
      compare(index, rowOf(keys, before), own[before]!, { ...facts[before]!, edit: null, fact: before });
    }
    await giveTurn(index);
  }
  for (const { id, file } of edits) {
    const earlier = file.keys.get(layer);
    if (earlier === undefined || sizes(earlier)[1] !== width) continue;
    const norms = lengths(earlier, solveRows(factor, earlier));
    for (const [row, stated] of file.facts.entries()) {
      if (!(norms[row]! > 0)) continue;
      for (let index = 0; index < count; index++) {
        compare(index, rowOf(earlier, row), norms[row]!, earlierFact(id, stated));
      }
      await giveTurn(count);
    }
  }
  return closest(found);
}

function interference(index: number, other: EarlierFact, angle: number) {
  const { edit, fact, prompt, target_new } = other;
  const where = edit === null ? `fact ${fact}` : `fact ${fact} of ${edit}`;
  return {
    ...({ kind: "interfering_keys", fact: index, angle_degrees: angle } as const),
    with: { edit, fact, prompt, target_new },
    message: `has almost the key of ${where}, ${angle.toFixed(1)}° apart: what one says may be felt by the other`,
  };
}

const closest = <T extends { readonly angle_degrees: number }>(found: readonly T[]): T[] =>
  [...found].sort((a, b) => a.angle_degrees - b.angle_degrees).slice(0, MOST_INTERFERING);

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
