import type { OpAttrs } from "../../../shared/graph/ops.ts";
import type { DType } from "../../../shared/tensor.ts";
import { type Array64, at, generate } from "../array64.ts";
import {
  type CaseInput,
  literal,
  nonZero,
  normal,
  type OpCase,
  type OpSpec,
  type OpSpecs,
  positive,
  truth,
  whole,
} from "../cases.ts";

type Sampler = (shape: readonly number[], seed?: number) => CaseInput;
type Plain = OpAttrs["add"];

const map =
  (f: (...x: number[]) => number) =>
  (inputs: readonly Array64[], _: unknown, shapes: readonly (readonly number[])[]) => [
    generate(shapes[0]!, (index) => f(...inputs.map((input) => at(input, index)))),
  ];

function unary(f: (x: number) => number, draw: Sampler, further: readonly OpCase<Plain>[] = []): OpSpec<Plain> {
  const cases = [[2, 3, 4], [1], []].map((shape) => ({ name: `[${shape}]`, inputs: [draw(shape)], attrs: {} }));
  return { evaluate: map(f), differentiable: [0], cases: [...cases, ...further] };
}

const values = (dtype: DType, numbers: readonly number[]): OpCase<Plain> => ({
  name: `of ${dtype} ${numbers.join(", ")}`,
  inputs: [literal(dtype, [numbers.length], numbers)],
  attrs: {},
});

const BROADCASTS = [
  [
    [2, 3, 4],
    [2, 3, 4],
  ],
  [[2, 3, 4], [4]],
  [[4], [2, 3, 4]],
  [
    [2, 1, 4],
    [3, 1],
  ],
  [[2, 3, 4], []],
  [[], []],
  [
    [1, 1, 1],
    [2, 3],
  ],
] as const;

function binary(
  f: (x: number, y: number) => number,
  draw: Sampler,
  further: readonly OpCase<Plain>[] = [],
): OpSpec<Plain> {
  const cases = BROADCASTS.map(([x, y]) => ({
    name: `[${x}] with [${y}]`,
    inputs: [draw(x, 1), draw(y, 2)],
    attrs: {},
  }));
  return { evaluate: map(f), differentiable: [0, 1], cases: [...cases, ...further] };
}

const integers = (dtype: DType): OpCase<Plain> => ({
  name: dtype,
  inputs: [literal(dtype, [2, 2], [1, -7, 3, 40_000]), literal(dtype, [2], [-2, 40_000])],
  attrs: {},
});

/** Pairs, some of which are equal. */
const ties: OpCase<Plain> = {
  name: "with ties",
  inputs: [literal("f32", [4], [1, 2, 3, -1]), literal("f32", [4], [1, 3, 2, -1])],
  attrs: {},
};

/** erf x = 2/√π e^{−x²} Σ 2ⁿ x^{2n+1} / (2n+1)!!, whose terms all have the same sign, so that nothing cancels. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const far = values("f32", [-30, -5, -2, -0.001, 0.001, 2, 5, 30]);
const cast = (from: CaseInput, to: DType): OpCase<OpAttrs["cast"]> => ({
  name: `${from.dtype} to ${to}`,
  inputs: [from],
  attrs: { to },
});

function convert(x: number, to: OpAttrs["cast"]["to"]): number {
  if (to === "f32") return Math.fround(x);
  if (to === "f64") return x;
  return to === "bool" ? Number(x !== 0) : Math.trunc(x);
}

export const ELEMENTWISE = {
  neg: unary((x) => -x, normal, [values("i64", [3, -4, 0]), values("i32", [3, -4, 0])]),
  exp: unary(Math.exp, normal, [values("f32", [-80, -10, 0, 10])]),
  log: unary(Math.log, positive, [values("f32", [1e-3, 1, 1e6])]),
  sqrt: unary(Math.sqrt, positive, [values("f32", [1e-3, 1, 1e4])]),
  reciprocal: unary((x) => 1 / x, nonZero),
  sigmoid: unary((x) => 1 / (1 + Math.exp(-x)), normal, [far]),
  tanh: unary(Math.tanh, normal, [far]),
  relu: unary((x) => Math.max(x, 0), nonZero),
  erf: unary(erf, normal, [far]),
  abs: unary(Math.abs, nonZero),
  sign: { ...unary(Math.sign, nonZero, [values("f32", [-2, 0, 0.5])]), differentiable: [] },
  cast: {
    evaluate: ([x], { to }) => [generate(x!.shape, (index) => convert(at(x!, index), to))],
    differentiable: [0],
    cases: [
      cast(normal([2, 3]), "f32"),
      cast(literal("f32", [6], [-2.7, -0.5, 0, 0.5, 2.7, 100_000]), "i64"),
      cast(literal("f32", [4], [-2.7, 0.5, 2.7, -3]), "i32"),
      cast(literal("f32", [4], [-2.5, 0, 0.25, 3]), "bool"),
      cast(whole([2, 3], [-9, 9]), "f32"),
      cast(whole([2, 3], [-9, 9], "i32"), "i64"),
      cast(whole([2, 3], [-9, 9]), "i32"),
      cast(whole([6], [-2, 2]), "bool"),
      cast(truth([2, 3]), "f32"),
      cast(truth([2, 3]), "i64"),
      cast(whole([4], [0, 256], "u8"), "f32"),
      cast(literal("f32", [3], [0, 7, 255]), "u8"),
    ],
  },
  detach: { ...unary((x) => x, normal, [values("i64", [3, -4, 0])]), differentiable: [] },
  add: binary((x, y) => x + y, normal, [integers("i64"), integers("i32")]),
  sub: binary((x, y) => x - y, normal, [integers("i64"), integers("i32")]),
  mul: binary((x, y) => x * y, normal, [integers("i64"), integers("i32")]),
  div: binary((x, y) => x / y, nonZero),
  max: binary(Math.max, normal, [ties, integers("i64"), integers("i32")]),
  min: binary(Math.min, normal, [ties, integers("i64"), integers("i32")]),
  equal: {
    ...binary((x, y) => Number(x === y), normal, [ties, integers("i64"), integers("i32")]),
    differentiable: [],
  },
  greater: {
    ...binary((x, y) => Number(x > y), normal, [ties, integers("i64"), integers("i32")]),
    differentiable: [],
  },
  where: {
    evaluate: map((condition, x, y) => (condition === 0 ? y! : x!)),
    differentiable: [1, 2],
    cases: [
      ...(
        [
          [
            [3, 4],
            [3, 4],
            [3, 4],
          ],
          [[3, 4], [2, 3, 4], []],
          [
            [1, 4],
            [3, 4],
            [3, 1],
          ],
          [[3, 4], [4], [3, 1]],
          [[], [2], [2]],
        ] as const
      ).map(([condition, x, y]) => ({
        name: `[${condition}] ? [${x}] : [${y}]`,
        inputs: [truth(condition), normal(x, 1), normal(y, 2)],
        attrs: {},
      })),
      { name: "of i64", inputs: [truth([5]), whole([5], [0, 9]), literal("i64", [], [-100])], attrs: {} },
    ],
  },
} satisfies Partial<OpSpecs>;
