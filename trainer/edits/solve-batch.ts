import { type DenseMatrix, matrix, product, sizes } from "../../shared/linalg/matrix.ts";
import type { EditModel, Factors } from "./edit-model.ts";
import type { EncodedFact } from "./encoded-fact.ts";
import { lengthOf } from "./find-values.ts";
import { solveAlphaEdit } from "./solve/alphaedit.ts";
import { solveMemit } from "./solve/memit.ts";
import type { SolveReport } from "./solve/positive-solve.ts";
import { momentFactor, solveRome } from "./solve/rome.ts";
import { type KeyMean, readAtPlaces, readKeys } from "./subject-states.ts";

/** What a solve knows of one layer. */
export interface LayerKnowledge {
  /** C [in, in] of the bare base. */
  readonly secondMoment: DenseMatrix;
  /** P [in, in]; for alphaedit. */
  readonly projector?: DenseMatrix;
}

/** What one layer was changed by. n facts. */
export interface LayerSolve extends Factors {
  readonly layer: number;
  /** K [n, in], at which it was solved. */
  readonly keys: DenseMatrix;
  readonly solve: SolveReport;
}

export interface SolveMethod {
  readonly method: "rome" | "memit" | "alphaedit";
  /** Ascending; δ was found at the last. */
  readonly layers: readonly number[];
  readonly lambda: number;
  readonly knowledge: ReadonlyMap<number, LayerKnowledge>;
  /** `KEY_MEAN` by default. */
  readonly keyMean?: KeyMean;
}

/** A fact and the δ [D] that its subject's output shall change by. */
export interface ValuedFact {
  readonly fact: EncodedFact;
  readonly delta: Float64Array;
  /** The edited layer's output, where δ was found [D]. */
  readonly start: { readonly mlp: Float64Array; readonly layer: Float64Array };
}

/**
 * Of which contexts keys are the mean. kmeng01/rome takes all alike; but a prompt that is used bare needs its own key near k*: 40 facts
 * of the embedded base hold at 100 % by halves, and at 97.5 % otherwise.
 */
export const KEY_MEAN: KeyMean = "halves";

/**
 * Solves facts together and changes the model's weights by what comes of it, layer by layer: `rome` one fact after the other at one
 * layer; `memit` and `alphaedit` with keys and residuals read again at every layer, of which each takes an equal share of what is left.
 * `previous`: layer → C_prev, the sum of kᵀk of earlier edits, whose outputs alphaedit holds, and `memit` too, which as published would
 * forget them: λC + C_prev + KᵀK in the place of λC + KᵀK. Throws what the solves throw.
 */
export async function solveBatch(
  model: EditModel,
  facts: readonly ValuedFact[],
  options: SolveMethod & { readonly previous: ReadonlyMap<number, DenseMatrix> },
): Promise<LayerSolve[]> {
  if (options.method === "rome") return solveOneByOne(model, facts, options);
  const { method, layers, lambda, knowledge, previous, keyMean = KEY_MEAN } = options;
  const last = layers.at(-1)!;
  const encoded = facts.map(({ fact }) => fact);
  const bare = encoded.map(({ contexts }) => contexts[0]!);
  const solved: LayerSolve[] = [];
  for (const [done, layer] of layers.entries()) {
    const keys = await readKeys(model, encoded, { layer, mean: keyMean });
    const residuals = (await readAtPlaces(model, bare, [`layers.${last}`])).get(`layers.${last}`)!;
    const width = sizes(residuals)[1];
    for (const [row, { delta, start }] of facts.entries()) {
      for (let at = 0; at < width; at++) {
        const wanted = start.layer[at]! + delta[at]!;
        residuals.data[row * width + at] = (wanted - residuals.data[row * width + at]!) / (layers.length - done);
      }
    }
    const { secondMoment, projector } = knowledge.get(layer)!;
    const size = sizes(keys)[1];
    const change =
      method === "memit"
        ? solveMemit({ secondMoment: withEarlier(secondMoment, previous.get(layer), lambda), keys, residuals, lambda })
        : solveAlphaEdit({
            projector: projector!,
            keys,
            residuals,
            lambda,
            previous: previous.get(layer) ?? matrix(size, size),
          });
    model.change(layer, change);
    solved.push({ layer, keys, ...change });
    await model.yieldToEventLoop();
  }
  return solved;
}

/** The keys of a layer do not change with its own weight, so facts that are solved one by one share one reading. */
async function solveOneByOne(
  model: EditModel,
  facts: readonly ValuedFact[],
  { layers, knowledge, keyMean = KEY_MEAN }: Pick<SolveMethod, "layers" | "knowledge" | "keyMean">,
): Promise<LayerSolve[]> {
  const [layer] = layers as [number];
  const keys = await readKeys(
    model,
    facts.map(({ fact }) => fact),
    { layer, mean: keyMean },
  );
  const size = sizes(keys)[1];
  const out = facts[0]!.delta.length;
  const a = matrix(size, facts.length);
  const b = matrix(facts.length, out);
  const { secondMoment } = knowledge.get(layer)!;
  const factor = momentFactor(secondMoment);
  let solve: SolveReport = { condition: 0, residual: 0, jitter: 0 };
  for (const [row, { delta }] of facts.entries()) {
    const key = keys.data.slice(row * size, (row + 1) * size);
    // What the facts before it have changed at this key already.
    const along = product(matrix(1, size, key), a);
    const already = product(along, b);
    const left = delta.map((value, at) => value - already.data[at]!);
    const change = solveRome({ secondMoment, key, delta: left, factor });
    for (let at = 0; at < size; at++) a.data[at * facts.length + row] = change.a.data[at]!;
    b.data.set(change.b.data, row * out);
    solve = worse(solve, change.solve);
    await model.yieldToEventLoop();
  }
  model.change(layer, { a, b });
  return [{ layer, keys, a, b, solve }];
}

/** C + C_prev / λ: earlier keys count as text does. */
function withEarlier(secondMoment: DenseMatrix, previous: DenseMatrix | undefined, lambda: number): DenseMatrix {
  if (previous === undefined) return secondMoment;
  const data = secondMoment.data.map((value, at) => value + previous.data[at]! / lambda);
  return matrix(...sizes(secondMoment), data);
}

/** The larger of each number. */
export function worse(one: SolveReport, other: SolveReport): SolveReport {
  return {
    condition: Math.max(one.condition, other.condition),
    residual: Math.max(one.residual, other.residual),
    jitter: Math.max(one.jitter, other.jitter),
  };
}

/** ‖ΔW‖ and its share of ‖W‖, in the Frobenius norm. */
export function sizeOfChange(
  { a, b }: Factors,
  weight: DenseMatrix,
): { readonly norm: number; readonly relative: number } {
  const norm = lengthOf(product(a, b).data);
  return { norm, relative: norm / lengthOf(weight.data) };
}
