import { TrimtabError } from "../../shared/errors.ts";
import { type DenseMatrix, matrix } from "../../shared/linalg/matrix.ts";
import { tapWidth } from "../../shared/model/taps.ts";
import { countBucket, lengthBucket } from "./buckets.ts";
import { type EditModel, keyTap } from "./edit-model.ts";
import type { EncodedFact } from "./encoded-fact.ts";
import { rowGraph } from "./row-graph.ts";
import { type EncodedRow, rowFeeds } from "./rows.ts";

/** Tokens of one run. */
const MOST_TOKENS = 4_096;

/**
 * The taps' values at each row's place, [n, width] for each tap, on the weights as they are now. What follows the place is not
 * computed. Throws `non_finite`, naming the tap.
 */
export async function readAtPlaces(
  model: EditModel,
  rows: readonly EncodedRow[],
  taps: readonly string[],
): Promise<Map<string, DenseMatrix>> {
  const { config } = model;
  const found = new Map(taps.map((tap) => [tap, matrix(rows.length, tapWidth(config, tap))]));
  const order = rows.map((_, index) => index).sort((a, b) => rows[a]!.at - rows[b]!.at);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    const tokensOf = (index: number) => lengthBucket(rows[index]!.at + 1);
    const fits = (last: number) => countBucket(last + 1 - start) * tokensOf(order[last]!) <= MOST_TOKENS;
    while (end < order.length && fits(end)) end += 1;
    const own = order.slice(start, end);
    const shape = { rows: countBucket(own.length), tokens: tokensOf(own.at(-1)!) };
    const cut = own.map((index) => ({ ids: rows[index]!.ids.subarray(0, rows[index]!.at + 1), at: rows[index]!.at }));
    const name = `states ${shape.rows} ${shape.tokens} ${taps.join()}`;
    const outputs = await model.run(
      name,
      () =>
        rowGraph(name, { config, ...shape }, ({ tap, atPositions }) =>
          Object.fromEntries(taps.map((one) => [one, atPositions(tap(one))])),
        ),
      rowFeeds(cut, shape),
    );
    for (const [
      tap,
      {
        data,
        shape: [, width],
      },
    ] of found) {
      const values = outputs[tap]!.data as Float32Array;
      for (const [row, index] of own.entries()) {
        const state = values.subarray(row * width!, (row + 1) * width!);
        if (!state.every(Number.isFinite)) throw notFinite(tap);
        data.set(state, index * width!);
      }
    }
    start = end;
  }
  return found;
}

/** Whether a key is the mean over all contexts, or the bare prompt's and the others' mean weigh a half each. */
export type KeyMean = "contexts" | "halves";

/** The keys [n, in] of facts at a layer, on the weights as they are now. */
export async function readKeys(
  model: EditModel,
  facts: readonly EncodedFact[],
  { layer, mean }: { readonly layer: number; readonly mean: KeyMean },
): Promise<DenseMatrix> {
  const rows = facts.flatMap(({ contexts }) => contexts);
  const states = (await readAtPlaces(model, rows, [keyTap(layer)])).get(keyTap(layer))!;
  const width = states.shape[1]!;
  const keys = matrix(facts.length, width);
  let row = 0;
  for (const [index, { contexts }] of facts.entries()) {
    const others = contexts.length - 1;
    for (let context = 0; context < contexts.length; context++, row++) {
      const half = context === 0 ? 0.5 : 0.5 / others;
      const weight = others === 0 ? 1 : mean === "contexts" ? 1 / contexts.length : half;
      for (let at = 0; at < width; at++) keys.data[index * width + at]! += weight * states.data[row * width + at]!;
    }
  }
  return keys;
}

function notFinite(tap: string): TrimtabError {
  return new TrimtabError(
    "non_finite",
    `the model's activations at ${tap} are not finite, so no fact can be edited there; check the model's weights`,
    { data: { tap } },
  );
}
