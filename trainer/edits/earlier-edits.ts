import type { EditSettings } from "../../shared/api/edit-settings.ts";
import { mergeIntoWeights } from "../../shared/delta/merge/into-weights.ts";
import { decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { sumDeltas } from "../../shared/delta/sum.ts";
import { decodeEditFile, EDIT_FILE, type EditFile } from "../../shared/edits/edit-file.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type DenseMatrix, sizes } from "../../shared/linalg/matrix.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { NamedDelta } from "../recipes/recipe.ts";
import { added } from "./sequence.ts";

/** A delta on which an edit is solved, as far as it is an edit itself. */
export interface EarlierEdit {
  readonly id: string;
  readonly file: EditFile;
}

/** The model that an edit starts from: the base with the deltas on which it is solved. */
export interface EditStart {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly edits: readonly EarlierEdit[];
  /** Digests of the deltas. */
  readonly parents: readonly string[];
}

/**
 * Folds the deltas of `on` into the base's weights. Throws `invalid_request`, naming `on`, for a delta that weights cannot hold, and
 * `corrupt_blob` for one that lacks its files.
 */
export function startOn(
  base: { readonly config: ModelConfig; readonly weights: Weights },
  { on, path }: { readonly on: EditSettings["on"]; readonly path: string },
  models: ReadonlyMap<string, NamedDelta>,
): EditStart {
  if (on.length === 0) return { ...base, edits: [], parents: [] };
  const found = on.map(({ id, weight }) => {
    const named = models.get(id);
    const serving = named?.files.get(SERVING_FILE);
    if (named === undefined || serving === undefined)
      throw new TrimtabError("corrupt_blob", `the delta ${id} has no files`);
    const edit = named.files.get(EDIT_FILE);
    return { id, weight, named, delta: decodeCanonical(serving, base.config), edit };
  });
  const param = `${path}.on`;
  const { scorer: _, ...sum } = sumDeltas(
    found.map(({ delta: { scorer: __, ...delta }, weight }) => ({ delta, weight })),
  );
  try {
    const merged = mergeIntoWeights(base.config, sum);
    const weights = new Map(
      weightSpecs(merged.config).map(({ name }) => [name, merged.weight(name, base.weights.get(merged.source(name))!)]),
    );
    return {
      config: merged.config,
      weights,
      edits: found.flatMap(({ id, edit }) => (edit === undefined ? [] : [{ id, file: decodeEditFile(edit) }])),
      parents: found.map(({ named }) => named.digest),
    };
  } catch (error) {
    if (!(error instanceof TrimtabError) || error.code !== "invalid_request") throw error;
    throw new TrimtabError("invalid_request", `\`${param}\` cannot be edited on: ${error.message}.`, {
      param,
      cause: error,
    });
  }
}

/** Layer → C_prev, the sum of kᵀk over the keys of earlier edits at that layer. */
export function previousKeys(
  edits: readonly EarlierEdit[],
  layers: readonly number[],
  width: number,
): Map<number, DenseMatrix> {
  const previous = new Map<number, DenseMatrix>();
  for (const { file } of edits) {
    for (const [layer, keys] of file.keys) {
      if (layers.includes(layer) && sizes(keys)[1] === width) previous.set(layer, added(previous.get(layer), keys));
    }
  }
  return previous;
}
