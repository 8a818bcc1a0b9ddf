import { DYNAMIC_MAP } from "../formats/dynamic-quantisation.ts";
import { NF4_BLOCK } from "../formats/nf4.ts";
import { f32, i64 } from "../tensor.ts";
import type { NodeOf, Value } from "./graph.ts";
import type { Encoder } from "./onnx.ts";

/**
 * Products with a matrix in NF4, by onnxruntime's `MatMulBnb4`. The matrix has to be fed: onnxruntime would dequantise one
 * that is part of the model for good, when it folds constants.
 *
 * The kernel restores the whole of its matrix in float32 for each product, so that a large one is taken in parts of some
 * rows, which are restored one after the other. onnxruntime runs what needs nothing but inputs whenever it likes, often long
 * before it is used; so whatever is made of the matrix alone is tied to the x that it is to be multiplied by.
 */
const PART_NUMBERS = 1 << 21;

type Operand = Value | string;
type Part = readonly [start: number, end: number];

export function encodeMatmulNf4({ inputs, outputs, attrs }: NodeOf<"matmulNf4">, encoder: Encoder): void {
  const [x, packed, ...scales] = inputs as [Value, Value, ...Value[]];
  const absmax = absmaxOf(scales, zeroAfter(x, x.shape.length, encoder), { attrs, encoder });
  const product: Product = { x, packed, absmax, attrs, encoder, outputs };
  if (attrs.transB) productByRows(product);
  else productAcrossRows(product);
}

interface Product {
  readonly x: Value;
  readonly packed: Value;
  /** Of all blocks. */
  readonly absmax: Operand;
  readonly attrs: NodeOf<"matmulNf4">["attrs"];
  readonly encoder: Encoder;
  readonly outputs: readonly Value[];
}

/** x Bᵀ: each part of B's rows gives a part of the outputs. */
function productByRows(product: Product): void {
  const { x, attrs, encoder, outputs } = product;
  const parts = rowParts(attrs);
  const zero = zeroAfter(x, x.shape.length, encoder);
  const made = parts.map(([start, end]) => {
    const operands = [x, ...matrixPart(product, [start, end], zero)];
    const attributes = kernel(attrs.columns, end - start);
    const last = parts.length === 1 ? { outputs } : {};
    return encoder.push("MatMulBnb4", operands, { attributes, contrib: true, ...last });
  });
  if (made.length > 1) encoder.push("Concat", made, { outputs, attributes: { axis: -1 } });
}

/**
 * x B: each part of B's rows meets a part of x, and the products add up. The kernel gives x Bᵀ whatever its transB says
 * (onnxruntime 1.30), so it is used to restore the part alone, as a column that is multiplied by 1.
 */
function productAcrossRows(product: Product): void {
  const { x, attrs, encoder, outputs } = product;
  const { columns } = attrs;
  const rank = x.shape.length;
  const parts = rowParts(attrs);
  let sum: Operand = x;
  parts.forEach(([start, end], i) => {
    const zero = zeroAfter(sum, rank, encoder);
    const one = encoder.push("Cast", [encoder.push("Add", [zero, encoder.constant(i64([1, 1], [1]))])], {
      attributes: { to: { type: "f32" } },
    });
    const flat = encoder.push("MatMulBnb4", [one, ...matrixPart(product, [start, end], zero)], {
      attributes: kernel(1, (end - start) * columns),
      contrib: true,
    });
    const restored = encoder.push("Reshape", [flat, encoder.constant(i64([2], [end - start, columns]))]);
    const bounds = [start, end, rank - 1].map((bound) => encoder.constant(i64([1], [bound])));
    const left = parts.length === 1 ? x : encoder.push("Slice", [x, ...bounds]);
    const last = i === parts.length - 1 ? { outputs } : {};
    sum =
      i === 0
        ? encoder.push("MatMul", [left, restored], last)
        : encoder.push("Add", [sum, encoder.push("MatMul", [left, restored])], last);
  });
}

/** The [1] that holds 0 and is not there before `value` is: the place of the largest of its first number alone. */
function zeroAfter(value: Operand, rank: number, encoder: Encoder): string {
  const corner = [0, 1].map((end) => encoder.constant(i64([rank], Array(rank).fill(end))));
  const first = encoder.push("Reshape", [encoder.push("Slice", [value, ...corner]), encoder.constant(i64([1], [1]))]);
  return encoder.push("ArgMax", [first], { attributes: { axis: 0, keepdims: 1 } });
}

const kernel = (inner: number, outer: number) => ({
  K: inner,
  N: outer,
  block_size: NF4_BLOCK,
  quant_type: 1,
  transB: 1,
});

/** Parts of at most `PART_NUMBERS`, or as few rows as end with a whole block. */
function rowParts({ rows, columns }: Product["attrs"]): Part[] {
  const unit = NF4_BLOCK / greatestCommonDivisor(columns, NF4_BLOCK);
  const step = Math.max(1, Math.floor(PART_NUMBERS / columns / unit)) * unit;
  const starts = Array.from({ length: Math.ceil(rows / step) }, (_, i) => i * step);
  return starts.map((start) => [start, Math.min(rows, start + step)]);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** The bytes and the scales of some rows. */
function matrixPart({ packed, absmax, attrs, encoder }: Product, [start, end]: Part, zero: string): Operand[] {
  const { rows, columns } = attrs;
  if (start === 0 && end === rows) return [packed, absmax];
  const [first, last] = [start * columns, end * columns];
  return [
    sliceAfter(packed, [first / 2, Math.ceil(last / 2)], { zero, encoder }),
    sliceAfter(absmax, [first / NF4_BLOCK, Math.ceil(last / NF4_BLOCK)], { zero, encoder }),
  ];
}

/** Elements `start` … `end` − 1 of the first axis, cut out when `zero` is there. */
function sliceAfter(
  value: Operand,
  bounds: Part,
  { zero, encoder }: { readonly zero: string; readonly encoder: Encoder },
): string {
  const [start, end] = bounds.map((bound) => encoder.push("Add", [encoder.constant(i64([1], [bound])), zero]));
  return encoder.push("Slice", [value, start!, end!, encoder.constant(i64([1], [0]))]);
}

/** The scales of NF4 blocks in float32. */
function absmaxOf(
  scales: readonly Value[],
  zero: string,
  { attrs: { rows, columns }, encoder }: Pick<Product, "attrs" | "encoder">,
): Operand {
  const [codes, nested, offset] = scales;
  if (nested === undefined) return codes!;
  const groups = codes!.shape[0] as number;
  const numbers = encoder.push("Cast", [sliceAfter(codes!, [0, groups], { zero, encoder })], {
    attributes: { to: { type: "i32" } },
  });
  const entries = encoder.push("Gather", [encoder.constant(f32([DYNAMIC_MAP.length], DYNAMIC_MAP)), numbers]);
  const scaled = encoder.push("Add", [encoder.push("Mul", [entries, nested]), offset!]);
  const flat = encoder.push("Reshape", [scaled, encoder.constant(i64([1], [-1]))]);
  const bounds = [0, Math.ceil((rows * columns) / NF4_BLOCK), 0].map((bound) => encoder.constant(i64([1], [bound])));
  return encoder.push("Slice", [flat, ...bounds]);
}
