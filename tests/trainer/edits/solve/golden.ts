/** The reference's numbers for edits of tiny models; tests/golden/edits/README.md says what each is. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { parseSafetensors } from "../../../../shared/formats/safetensors.ts";
import { type DenseMatrix, matrix, product, sizes, transpose } from "../../../../shared/linalg/matrix.ts";
import { createRandom } from "../../../../shared/random.ts";

export interface GoldenSettings {
  readonly layers: readonly number[];
  readonly batch: readonly number[];
  readonly rome: { readonly layer: number };
  readonly memit: { readonly lambda: number };
  readonly alphaedit: { readonly lambda: number; readonly threshold: number };
  readonly nas: {
    readonly rome_norms: readonly number[];
    readonly rome_anchor: number;
    readonly norms: readonly number[];
    readonly anchor: number;
    readonly skip_above: number;
    readonly tight_skip_above: number;
  };
}

export const MODELS = ["llama", "qwen2"] as const;

export function goldenEdits(model: string) {
  const folder = new URL(`../../../golden/edits/${model}/`, import.meta.url);
  const settings: GoldenSettings = JSON.parse(readFileSync(new URL("golden.json", folder), "utf8"));
  const { tensors } = parseSafetensors(readFileSync(new URL("golden.safetensors", folder)));
  /** A vector is a matrix of one row. */
  const read = (name: string): DenseMatrix => {
    const { shape, bytes } = tensors.get(name)!;
    const [rows, columns] = shape.length === 1 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
    return matrix(rows, columns, new Float64Array(Uint8Array.from(bytes).buffer));
  };
  /** δ at the end of a path. */
  const delta = (path: string): Float64Array => {
    const deltas = read(`${path}.deltas`);
    return deltas.data.slice(-sizes(deltas)[1]);
  };
  return { settings, read, delta };
}

/** ‖actual − expected‖ / ‖expected‖ */
export function distance(actual: DenseMatrix, expected: DenseMatrix): number {
  expect(actual.shape).toEqual(expected.shape);
  const difference = actual.data.map((value, index) => value - expected.data[index]!);
  return Math.hypot(...difference) / Math.hypot(...expected.data);
}

export function randomRows(rows: number, columns: number, ...stream: (string | number)[]): DenseMatrix {
  const random = createRandom(7, "edits", rows, columns, ...stream);
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => random.normal()),
  );
}

/** C [size, size] of random keys, more of them than inputs, whose directions are used more and less: cond ≈ 1e4. */
export function randomMoment(size: number): DenseMatrix {
  const keys = randomRows(3 * size, size, "text");
  const scaled = keys.data.map((value, index) => value * 10 ** (-2 * ((index % size) / size)));
  const columns = transpose(matrix(3 * size, size, scaled));
  const moment = product(columns, transpose(columns));
  return matrix(
    size,
    size,
    moment.data.map((value) => value / (3 * size)),
  );
}
