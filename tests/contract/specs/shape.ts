import type { OpAttrs } from "../../../shared/graph/ops.ts";
import { at, generate } from "../array64.ts";
import { type CaseInput, normal, type OpCase, type OpSpecs, truth, whole } from "../cases.ts";

const reshapeCase = (x: CaseInput, shape: readonly number[]): OpCase<OpAttrs["reshape"]> => ({
  name: `${x.dtype}[${x.shape}] to [${shape}]`,
  inputs: [x],
  attrs: { shape },
});

const transposeCase = (x: CaseInput, perm: readonly number[]): OpCase<OpAttrs["transpose"]> => ({
  name: `${x.dtype}[${x.shape}] by [${perm}]`,
  inputs: [x],
  attrs: { perm },
});

const expandCase = (x: CaseInput, shape: readonly number[]): OpCase<OpAttrs["expand"]> => ({
  name: `${x.dtype}[${x.shape}] to [${shape}]`,
  inputs: [x],
  attrs: { shape },
});

const sliceCase = (x: CaseInput, axis: number, start: number, end: number | null): OpCase<OpAttrs["slice"]> => ({
  name: `${x.dtype}[${x.shape}] axis ${axis}, ${start}:${end ?? ""}`,
  inputs: [x],
  attrs: { axis, start, end },
});

const padCase = (x: CaseInput, axis: number, before: number, after: number): OpCase<OpAttrs["pad"]> => ({
  name: `${x.dtype}[${x.shape}] axis ${axis} by ${before} and ${after}`,
  inputs: [x],
  attrs: { axis, before, after },
});

export const SHAPE = {
  reshape: {
    evaluate: ([x], _, shapes) => [{ shape: shapes[0]!, data: x!.data }],
    differentiable: [0],
    cases: [
      reshapeCase(normal([2, 3, 4]), [6, 4]),
      reshapeCase(normal([2, 3, 4]), [2, 3, 2, 2]),
      reshapeCase(normal([2, 3, 4]), [24]),
      reshapeCase(normal([1, 1]), []),
      reshapeCase(normal([]), [1, 1, 1]),
      reshapeCase(whole([2, 3], [0, 9]), [3, 2]),
    ],
  },
  transpose: {
    evaluate: ([x], { perm }, shapes) => {
      const source = (index: readonly number[]) => x!.shape.map((_, axis) => index[perm.indexOf(axis)]!);
      return [generate(shapes[0]!, (index) => at(x!, source(index)))];
    },
    differentiable: [0],
    cases: [
      transposeCase(normal([2, 3]), [1, 0]),
      transposeCase(normal([2, 3, 4]), [0, 2, 1]),
      transposeCase(normal([2, 3, 4]), [2, 0, 1]),
      transposeCase(normal([2, 3, 4]), [1, 2, 0]),
      transposeCase(normal([2, 3, 2, 2]), [0, 2, 1, 3]),
      transposeCase(normal([3]), [0]),
      transposeCase(normal([]), []),
      transposeCase(whole([2, 3], [0, 9]), [1, 0]),
      transposeCase(truth([2, 3]), [1, 0]),
    ],
  },
  expand: {
    evaluate: ([x], _, shapes) => [generate(shapes[0]!, (index) => at(x!, index))],
    differentiable: [0],
    cases: [
      expandCase(normal([4]), [2, 3, 4]),
      expandCase(normal([2, 1, 4]), [2, 3, 4]),
      expandCase(normal([3, 1]), [2, 3, 4]),
      expandCase(normal([]), [2, 3]),
      expandCase(normal([1]), [5]),
      expandCase(normal([2, 3]), [2, 3]),
      expandCase(whole([1, 3], [0, 9]), [2, 3]),
    ],
  },
  concat: {
    evaluate: (inputs, { axis }, shapes) => {
      const joined = generate(shapes[0]!, (index) => {
        let position = index[axis]!;
        let part = 0;
        while (position >= inputs[part]!.shape[axis]!) position -= inputs[part++]!.shape[axis]!;
        const source = inputs[part]!;
        return source.data[index.reduce((offset, i, a) => offset * source.shape[a]! + (a === axis ? position : i), 0)]!;
      });
      return [joined];
    },
    differentiable: "all",
    cases: [
      { name: "three along 0", inputs: [normal([2, 3, 4]), normal([1, 3, 4]), normal([3, 3, 4])], attrs: { axis: 0 } },
      { name: "three along 1", inputs: [normal([2, 2, 4]), normal([2, 1, 4]), normal([2, 3, 4])], attrs: { axis: 1 } },
      { name: "two along 2", inputs: [normal([2, 3, 2]), normal([2, 3, 1])], attrs: { axis: 2 } },
      { name: "one", inputs: [normal([2, 3])], attrs: { axis: 0 } },
      { name: "of i64", inputs: [whole([2], [0, 9]), whole([3], [0, 9])], attrs: { axis: 0 } },
    ],
  },
  slice: {
    evaluate: ([x], { axis, start }, shapes) => {
      const first = start < 0 ? start + x!.shape[axis]! : start;
      const source = (index: readonly number[]) => index.map((i, a) => (a === axis ? i + first : i));
      return [generate(shapes[0]!, (index) => at(x!, source(index)))];
    },
    differentiable: [0],
    cases: [
      sliceCase(normal([2, 3, 4]), 0, 0, 1),
      sliceCase(normal([2, 3, 4]), 1, 1, 3),
      sliceCase(normal([2, 3, 4]), 2, 0, 4),
      sliceCase(normal([2, 3, 4]), 2, 2, null),
      sliceCase(normal([2, 3, 4]), 1, -1, null),
      sliceCase(normal([2, 3, 4]), 2, -4, null),
      sliceCase(normal([1]), 0, 0, 1),
      sliceCase(whole([4], [0, 9]), 0, 1, 3),
    ],
  },
  pad: {
    evaluate: ([x], { axis, before }, shapes) => {
      const padded = generate(shapes[0]!, (index) => {
        const position = index[axis]! - before;
        const inside = position >= 0 && position < x!.shape[axis]!;
        return inside ? at(x!, index.with(axis, position)) : 0;
      });
      return [padded];
    },
    differentiable: [0],
    cases: [
      padCase(normal([2, 3, 4]), 0, 1, 2),
      padCase(normal([2, 3, 4]), 1, 0, 1),
      padCase(normal([2, 3, 4]), 2, 3, 0),
      padCase(normal([2, 3]), 1, 0, 0),
      padCase(whole([3], [1, 9]), 0, 1, 1),
      padCase(whole([3], [1, 9], "i32"), 0, 1, 1),
      padCase(normal([2, 1, 2, 1, 3]), 4, 2, 1),
    ],
  },
} satisfies Partial<OpSpecs>;
