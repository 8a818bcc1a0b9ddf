import type { EditSettings } from "../../shared/api/edit-settings.ts";
import { mergeIntoWeights } from "../../shared/delta/merge/into-weights.ts";
import { decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { sumDeltas } from "../../shared/delta/sum.ts";
import { decodeEditFile, EDIT_FILE, type EditFile, lastLayerOf } from "../../shared/edits/edit-file.ts";
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
      edits: found.flatMap(({ id, weight, edit }) =>
        // What has no weight changes nothing that could be held.
        edit === undefined || weight === 0 ? [] : [{ id, file: decodeEditFile(edit) }],
      ),
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

/** The length that the first earlier edit which measured one scaled its values to at this layer: other layers have other lengths. */
export function knownAnchor(edits: readonly EarlierEdit[], layer: number): number | undefined {
  return (
    edits.find(({ file }) => file.value_norm !== null && lastLayerOf(file) === layer)?.file.value_norm ?? undefined
  );
}

export interface PreviousKeysOptions {
  readonly layers: readonly number[];
  /** Of a key. */
  readonly width: number;
  /** The keys [n, in] of facts at a layer, on the model as the earlier edits left it. */
  readonly read: (facts: EditFile["facts"], layer: number) => Promise<DenseMatrix>;
}

/**
 * Layer → C_prev, the sum of kᵀk over the keys of earlier facts at that layer. Keys at layers that an earlier edit did not change are
 * read, since a change there would disturb its facts as well.
 */
export async function previousKeys(
  edits: readonly EarlierEdit[],
  { layers, width, read }: PreviousKeysOptions,
): Promise<Map<number, DenseMatrix>> {
  const previous = new Map<number, DenseMatrix>();
  for (const layer of layers) {
    for (const { file } of edits) {
      const keys = file.keys.get(layer);
      const known = keys !== undefined && sizes(keys)[1] === width ? keys : undefined;
      if (known !== undefined) previous.set(layer, added(previous.get(layer), known));
      const missing = file.facts.filter((_, row) => known === undefined || isZero(known, row));
      const found = missing.length === 0 ? undefined : await read(missing, layer);
      if (found !== undefined && sizes(found)[0] > 0) previous.set(layer, added(previous.get(layer), found));
    }
  }
  return previous;
}

/** Whether a joined edit has no key there. */
function isZero({ data, shape }: DenseMatrix, row: number): boolean {
  const width = shape[1]!;
  return data.subarray(row * width, (row + 1) * width).every((value) => value === 0);
}
