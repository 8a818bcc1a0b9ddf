import type { OpAttrs } from "../../../shared/graph/ops.ts";
import { type Array64, at, generate, type Index, indices } from "../array64.ts";
import { literal, normal, type OpCase, type OpSpec, type OpSpecs } from "../cases.ts";

type Reduction = OpAttrs["reduceSum"];

function reduction(
  f: (group: readonly number[]) => number,
  further: readonly OpCase<Reduction>[] = [],
): OpSpec<Reduction> {
  const axes = [[2], [0], [1], [0, 2], [0, 1, 2], []];
  const cases = axes.flatMap((some) =>
    [false, true].map((keepdims) => reduceCase([2, 3, 4], { axes: some, keepdims })),
  );
  return {
    evaluate: ([x], attrs, shapes) => [generate(shapes[0]!, (index) => f(group(x!, attrs, index)))],
    differentiable: [0],
    cases: [
      ...cases,
      reduceCase([], { axes: [], keepdims: false }),
      reduceCase([3, 1], { axes: [1], keepdims: false }),
      ...further,
    ],
  };
}

function reduceCase(shape: readonly number[], attrs: Reduction): OpCase<Reduction> {
  return {
    name: `[${shape}] over [${attrs.axes}]${attrs.keepdims ? ", dimensions kept" : ""}`,
    inputs: [normal(shape)],
    attrs,
  };
}

/** The elements of x that reduce to one index of the result. */
function group(x: Array64, { axes, keepdims }: Reduction, result: Index): number[] {
  let next = 0;
  const fixed = x.shape.map((_, axis) => {
    const position = keepdims ? axis : next;
    if (axes.includes(axis)) return undefined;
    next++;
    return result[position]!;
  });
  return indices(x.shape)
    .filter((index) => index.every((i, axis) => fixed[axis] === undefined || fixed[axis] === i))
    .map((index) => at(x, index));
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** Applies f along the last axis after subtracting the maximum, which does not change the result but keeps exp in range. */
const alongLast =
  (f: (x: number, logSum: number) => number) =>
  ([x]: readonly Array64[]): Array64[] => {
    const width = x!.shape.at(-1)!;
    const row = (index: Index) => Array.from({ length: width }, (_, i) => at(x!, [...index.slice(0, -1), i]));
    return [
      generate(x!.shape, (index) => {
        const maximum = Math.max(...row(index));
        return f(at(x!, index) - maximum, Math.log(sum(row(index).map((value) => Math.exp(value - maximum)))));
      }),
    ];
  };

const softmaxCases: readonly OpCase<OpAttrs["softmax"]>[] = [
  ...[[2, 3, 4], [2, 2, 3, 3], [5], [3, 1]].map((shape) => ({
    name: `[${shape}]`,
    inputs: [normal(shape)],
    attrs: {},
  })),
  { name: "far from zero", inputs: [literal("f32", [2, 3], [1000, 1001, 999, -1000, -1002, -1001])], attrs: {} },
  { name: "masked", inputs: [literal("f32", [2, 3], [1, -1e4, 2, -1e4, 0.5, -1e4])], attrs: {} },
];

export const REDUCTIONS = {
  reduceSum: reduction(sum, [
    { name: "of i64", inputs: [literal("i64", [2, 2], [1, -2, 3, 40_000])], attrs: { axes: [1], keepdims: false } },
  ]),
  reduceMean: reduction((numbers) => sum(numbers) / numbers.length),
  reduceMax: reduction(
    (numbers) => Math.max(...numbers),
    [
      {
        name: "with a tie",
        inputs: [literal("f32", [2, 3], [1, 2, 2, 5, -1, 0])],
        attrs: { axes: [1], keepdims: false },
      },
      { name: "of i64", inputs: [literal("i64", [2, 2], [1, -2, -3, -4])], attrs: { axes: [1], keepdims: true } },
    ],
  ),
  softmax: { evaluate: alongLast((x, logSum) => Math.exp(x - logSum)), differentiable: [0], cases: softmaxCases },
  logSoftmax: { evaluate: alongLast((x, logSum) => x - logSum), differentiable: [0], cases: softmaxCases },
} satisfies Partial<OpSpecs>;
