import { DYNAMIC_BLOCK, DYNAMIC_MAP } from "../../../shared/formats/dynamic-quantisation.ts";
import { NF4_BLOCK, NF4_LEVELS } from "../../../shared/formats/nf4.ts";
import type { OpAttrs } from "../../../shared/graph/ops.ts";
import { at, generate } from "../array64.ts";
import { literal, normal, type OpCase, type OpSpecs, positive, whole } from "../cases.ts";

const FLAGS = [
  { transA: false, transB: false },
  { transA: false, transB: true },
  { transA: true, transB: false },
  { transA: true, transB: true },
];

/** Leading dimensions of both operands: equal, shared on either side, broadcast within. */
const BATCHES = [
  { a: [], b: [] },
  { a: [2], b: [2] },
  { a: [2], b: [] },
  { a: [], b: [2] },
  { a: [2, 2], b: [2, 2] },
  { a: [2, 2], b: [2, 1] },
  { a: [2, 2], b: [] },
  { a: [2], b: [1] },
  { a: [2, 2], b: [2] },
];

const swap = ([x, y]: readonly [number, number], swapped: boolean): number[] => (swapped ? [y, x] : [x, y]);

function matmulCase(
  batch: (typeof BATCHES)[number],
  attrs: (typeof FLAGS)[number],
  [m, k, n]: readonly [number, number, number],
): OpCase<OpAttrs["matmul"]> {
  const a = [...batch.a, ...swap([m, k], attrs.transA)];
  const b = [...batch.b, ...swap([k, n], attrs.transB)];
  const name = `[${a}]${attrs.transA ? "ᵀ" : ""} · [${b}]${attrs.transB ? "ᵀ" : ""}`;
  return { name, inputs: [normal(a, 1), normal(b, 2)], attrs };
}

/** A matrix of random codes and positive scales; here a scale need not be its block's largest magnitude. */
function nf4Cases(lead: readonly number[], attrs: OpAttrs["matmulNf4"]): OpCase<OpAttrs["matmulNf4"]>[] {
  const { rows, columns, transB } = attrs;
  const x = [...lead, transB ? columns : rows];
  const packed = whole([Math.ceil((rows * columns) / 2)], [0, 256], "u8");
  const blocks = Math.ceil((rows * columns) / NF4_BLOCK);
  const groups = Math.ceil(blocks / DYNAMIC_BLOCK);
  const name = `[${x}] · [${rows}, ${columns}]${transB ? "ᵀ" : ""}`;
  const nested = [whole([groups, DYNAMIC_BLOCK], [0, 256], "u8"), positive([groups, 1], 3), literal("f32", [], [0.25])];
  return [
    { name, inputs: [normal(x, 1), packed, positive([blocks], 2)], attrs },
    { name: `${name}, doubly quantised`, inputs: [normal(x, 1), packed, ...nested], attrs },
  ];
}

const NF4_SIZES: readonly (readonly [lead: readonly number[], rows: number, columns: number])[] = [
  [[3], 4, 64],
  [[2, 3], 20, 16],
  [[1, 2], 5, 40],
  [[1], 40, 5],
  [[2], 7, 3],
  [[1, 1], 1, 1],
];
/** A matrix with more blocks than fit in one group of codes. */
const MANY = 16_400;

export const LINEAR = {
  matmul: {
    evaluate: ([a, b], { transA, transB }, shapes) => {
      const inner = a!.shape.at(transA ? -2 : -1)!;
      const product = generate(shapes[0]!, (index) => {
        const [batch, m, n] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!];
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          sum += at(a!, [...batch, ...swap([m, k], transA)]) * at(b!, [...batch, ...swap([k, n], transB)]);
        }
        return sum;
      });
      return [product];
    },
    differentiable: [0, 1],
    cases: [
      ...BATCHES.flatMap((batch) => FLAGS.map((attrs) => matmulCase(batch, attrs, [3, 4, 5]))),
      ...FLAGS.map((attrs) => matmulCase({ a: [3], b: [] }, attrs, [1, 4, 1])),
      ...FLAGS.map((attrs) => matmulCase({ a: [], b: [] }, attrs, [1, 1, 1])),
    ],
  },
  matmulNf4: {
    evaluate: ([x, packed, ...scales], { rows, columns, transB }, shapes) => {
      const [first, nested, offset] = scales;
      const absmax = (block: number) => {
        if (nested === undefined) return first!.data[block]!;
        return DYNAMIC_MAP[first!.data[block]!]! * nested.data[Math.floor(block / DYNAMIC_BLOCK)]! + offset!.data[0]!;
      };
      const element = (row: number, column: number) => {
        const i = row * columns + column;
        const pair = packed!.data[i >> 1]!;
        return NF4_LEVELS[i % 2 === 0 ? pair >> 4 : pair % 16]! * absmax(Math.floor(i / NF4_BLOCK));
      };
      const product = generate(shapes[0]!, (index) => {
        const [lead, last] = [index.slice(0, -1), index.at(-1)!];
        let sum = 0;
        for (let k = 0; k < (transB ? columns : rows); k++) {
          sum += at(x!, [...lead, k]) * (transB ? element(last, k) : element(k, last));
        }
        return sum;
      });
      return [product];
    },
    differentiable: [0],
    cases: [true, false].flatMap((transB) => [
      ...NF4_SIZES.flatMap(([lead, rows, columns]) => nf4Cases(lead, { rows, columns, transB })),
      ...nf4Cases([1], { rows: transB ? MANY : 1, columns: transB ? 1 : MANY, transB }),
    ]),
  },
} satisfies Partial<OpSpecs>;
