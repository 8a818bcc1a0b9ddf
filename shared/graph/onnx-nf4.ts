import { DYNAMIC_MAP } from "../formats/dynamic-quantisation.ts";
import { NF4_BLOCK } from "../formats/nf4.ts";
import { f32, i64 } from "../tensor.ts";
import type { NodeOf, Value } from "./graph.ts";
import type { Encoder } from "./onnx-encoder.ts";

/**
 * Products with a matrix in NF4, by onnxruntime's `MatMulBnb4`. The matrix must be an input: onnxruntime's constant folding
 * would permanently dequantise one that is part of the model.
 *
 * The kernel dequantises its whole matrix to float32 for each product, so a large matrix is split into parts of some rows, which
 * are dequantised one at a time. onnxruntime may run nodes that depend only on inputs long before their results are used, so
 * every node that depends only on the matrix also gets an artificial dependency on x.
 */
const PART_ELEMENTS = 1 << 20;

type Operand = Value | string;

export function encodeMatmulNf4({ inputs, outputs, attrs }: NodeOf<"matmulNf4">, encoder: Encoder): void {
  const [x, packed, ...scales] = inputs as [Value, Value, ...Value[]];
  const parts = rowParts(attrs);
  // ArgMax over one element is always 0, but depends on x.
  const zero = encoder.push("ArgMax", [cornerOf(x, { rank: x.shape.length, shape: [1] }, encoder)], {
    attributes: { axis: 0 },
  });
  const absmax = absmaxOf({ scales, zero, attrs }, encoder);
  const product: Product = { x, parts, matrices: matrixParts({ packed, absmax, parts, zero }, encoder), attrs };
  if (attrs.transB) productByRows(product, encoder, outputs);
  else productAcrossRows(product, encoder, outputs);
}

interface Product {
  readonly x: Value;
  readonly parts: readonly Part[];
  /** The bytes and scales of each part. */
  readonly matrices: readonly (readonly [packed: Operand, absmax: Operand])[];
  readonly attrs: NodeOf<"matmulNf4">["attrs"];
}

/** Some rows of the matrix. */
interface Part {
  readonly rows: number;
  readonly elements: number;
}

/** x Bᵀ: each part of B's rows yields a part of the output. */
function productByRows({ x, parts, matrices, attrs }: Product, encoder: Encoder, outputs: readonly Value[]): void {
  const made = parts.map(({ rows }, i) =>
    encoder.push("MatMulBnb4", [x, ...matrices[i]!], {
      attributes: kernel(attrs.columns, rows),
      contrib: true,
      ...(parts.length === 1 ? { outputs } : {}),
    }),
  );
  if (made.length > 1) encoder.push("Concat", made, { outputs, attributes: { axis: -1 } });
}

/**
 * x B: each part of B's rows is multiplied by a part of x, and the products are summed. The kernel ignores transB and always
 * computes x Bᵀ (onnxruntime 1.30), so it is only used to dequantise the part, as a column multiplied by 1. The 1 is computed
 * from the sum so far (sum⁰), so that the parts are dequantised one at a time.
 */
function productAcrossRows({ x, parts, matrices, attrs }: Product, encoder: Encoder, outputs: readonly Value[]): void {
  const rank = x.shape.length;
  const sizes = parts.map(({ rows }) => rows);
  const lefts = parts.length === 1 ? [x] : split(x, { sizes, axis: rank - 1 }, encoder);
  const zero = encoder.constant(f32([], [0]));
  let sum: Operand = x;
  parts.forEach(({ rows, elements }, i) => {
    const one = encoder.push("Pow", [cornerOf(sum, { rank, shape: [1, 1] }, encoder), zero]);
    const flat = encoder.push("MatMulBnb4", [one, ...matrices[i]!], { attributes: kernel(1, elements), contrib: true });
    const restored = encoder.push("Reshape", [flat, encoder.constant(i64([2], [rows, attrs.columns]))]);
    const last = i === parts.length - 1 ? { outputs } : {};
    sum =
      i === 0
        ? encoder.push("MatMul", [lefts[i]!, restored], last)
        : encoder.push("Add", [sum, encoder.push("MatMul", [lefts[i]!, restored])], last);
  });
}

/** The first element of a value of that rank, reshaped to the given one-element shape. */
function cornerOf(
  value: Operand,
  { rank, shape }: { readonly rank: number; readonly shape: readonly number[] },
  encoder: Encoder,
): string {
  const bounds = [0, 1].map((end) => encoder.constant(i64([rank], Array(rank).fill(end))));
  return encoder.push("Reshape", [
    encoder.push("Slice", [value, ...bounds]),
    encoder.constant(i64([shape.length], shape)),
  ]);
}

const kernel = (inner: number, outer: number) => ({
  K: inner,
  N: outer,
  block_size: NF4_BLOCK,
  quant_type: 1,
  transB: 1,
});

/** Parts of at most `PART_ELEMENTS`, or the fewest rows that end on a block boundary. */
function rowParts({ rows, columns }: Product["attrs"]): Part[] {
  const unit = NF4_BLOCK / greatestCommonDivisor(columns, NF4_BLOCK);
  const step = Math.max(1, Math.floor(PART_ELEMENTS / columns / unit)) * unit;
  return Array.from({ length: Math.ceil(rows / step) }, (_, i) => {
    const some = Math.min(step, rows - i * step);
    return { rows: some, elements: some * columns };
  });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

interface Matrix {
  readonly packed: Value;
  readonly absmax: Operand;
  readonly parts: readonly Part[];
  readonly zero: string;
}

function matrixParts({ packed, absmax, parts, zero }: Matrix, encoder: Encoder): Product["matrices"] {
  if (parts.length === 1) return [[packed, absmax]];
  const sizes = (perUnit: number) => parts.map(({ elements }) => Math.ceil(elements / perUnit));
  const tied = (operand: Operand) => (typeof operand === "string" ? operand : wholeAfter(operand, zero, encoder));
  const bytes = split(tied(packed), { sizes: sizes(2), axis: 0 }, encoder);
  // Scales computed here already depend on x.
  const scales = split(tied(absmax), { sizes: sizes(NF4_BLOCK), axis: 0 }, encoder);
  return parts.map((_, i) => [bytes[i]!, scales[i]!] as const);
}

function split(
  value: Operand,
  { sizes, axis }: { readonly sizes: readonly number[]; readonly axis: number },
  encoder: Encoder,
): string[] {
  return encoder.pushMany("Split", [value, encoder.constant(i64([sizes.length], sizes))], {
    count: sizes.length,
    attributes: { axis },
  });
}

/** A copy of the value that depends on `zero`, so that it is not made earlier. */
function wholeAfter(value: Value, zero: string, encoder: Encoder): string {
  const [end, axis] = [value.shape[0] as number, 0].map((bound) => encoder.constant(i64([1], [bound])));
  return encoder.push("Slice", [value, zero, end!, axis!]);
}

/** The scales of the NF4 blocks in float32. */
function absmaxOf(
  { scales, zero, attrs: { rows, columns } }: Pick<Product, "attrs"> & { scales: readonly Value[]; zero: string },
  encoder: Encoder,
): Operand {
  const [codes, nested, offset] = scales;
  if (nested === undefined) return codes!;
  const indices = encoder.push("Cast", [wholeAfter(codes!, zero, encoder)], { attributes: { to: { type: "i32" } } });
  const entries = encoder.push("Gather", [encoder.constant(f32([DYNAMIC_MAP.length], DYNAMIC_MAP)), indices]);
  const scaled = encoder.push("Add", [encoder.push("Mul", [entries, nested]), offset!]);
  const flat = encoder.push("Reshape", [scaled, encoder.constant(i64([1], [-1]))]);
  const bounds = [0, Math.ceil((rows * columns) / NF4_BLOCK), 0].map((bound) => encoder.constant(i64([1], [bound])));
  return encoder.push("Slice", [flat, ...bounds]);
}
