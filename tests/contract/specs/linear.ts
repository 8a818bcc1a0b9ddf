import type { OpAttrs } from "../../../shared/graph/ops.ts";
import { at, generate } from "../array64.ts";
import { normal, type OpCase, type OpSpecs } from "../cases.ts";

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
} satisfies Partial<OpSpecs>;
