import type { OpAttrs } from "../../../shared/graph/ops.ts";
import { at, generate, indices as indicesOf } from "../array64.ts";
import { type CaseInput, literal, normal, type OpCase, type OpSpecs, whole } from "../cases.ts";

const gatherCase = (table: CaseInput, indices: CaseInput): OpCase<OpAttrs["gather"]> => ({
  name: `${table.dtype}[${table.shape}] by ${indices.dtype}[${indices.shape}]`,
  inputs: [table, indices],
  attrs: {},
});

const along = (x: CaseInput, indices: CaseInput): OpCase<OpAttrs["gatherElements"]> => ({
  name: `${x.dtype}[${x.shape}] by ${indices.dtype}[${indices.shape}]`,
  inputs: [x, indices],
  attrs: {},
});

const scatterRowsCase = (indices: CaseInput, width: number, rows: number): OpCase<OpAttrs["scatterAddRows"]> => ({
  name: `${indices.dtype}[${indices.shape}] of width ${width} into ${rows} rows`,
  inputs: [indices, normal([...indices.shape, width])],
  attrs: { rows },
});

const scatterElementsCase = (indices: CaseInput, depth: number): OpCase<OpAttrs["scatterAddElements"]> => ({
  name: `${indices.dtype}[${indices.shape}] into ${depth}`,
  inputs: [indices, normal(indices.shape)],
  attrs: { depth },
});

export const INDEXING = {
  gather: {
    evaluate: ([table, indices], _, shapes) => {
      const rank = indices!.shape.length;
      return [generate(shapes[0]!, (index) => at(table!, [at(indices!, index.slice(0, rank)), ...index.slice(rank)]))];
    },
    differentiable: [0],
    cases: [
      gatherCase(normal([5, 4]), whole([2, 3], [0, 5])),
      gatherCase(normal([5, 4]), literal("i64", [4], [3, 3, 3, 0])),
      gatherCase(normal([5]), whole([2, 3], [0, 5])),
      gatherCase(normal([5, 2, 3]), whole([4], [0, 5])),
      gatherCase(normal([5, 4]), literal("i64", [], [2])),
      gatherCase(normal([5, 4]), whole([2, 3], [0, 5], "i32")),
      gatherCase(whole([5, 2], [-9, 9]), whole([3], [0, 5])),
    ],
  },
  scatterAddRows: {
    evaluate: ([indices, updates], _, shapes) => {
      const places = indicesOf(indices!.shape);
      const sums = generate(shapes[0]!, ([row, column]) => {
        const chosen = places.filter((place) => at(indices!, place) === row);
        return chosen.reduce((sum, place) => sum + at(updates!, [...place, column!]), 0);
      });
      return [sums];
    },
    differentiable: [1],
    cases: [
      scatterRowsCase(whole([2, 3], [0, 5]), 4, 5),
      scatterRowsCase(literal("i64", [4], [3, 3, 3, 0]), 4, 5),
      scatterRowsCase(literal("i64", [], [1]), 3, 2),
      scatterRowsCase(whole([3], [0, 2], "i32"), 1, 2),
    ],
  },
  gatherElements: {
    evaluate: ([x, indices], _, shapes) => [
      generate(shapes[0]!, (index) => at(x!, [...index.slice(0, -1), at(indices!, index)])),
    ],
    differentiable: [0],
    cases: [
      along(normal([2, 3, 4]), whole([2, 3, 1], [0, 4])),
      along(normal([2, 4]), whole([2, 5], [0, 4])),
      along(normal([4]), literal("i64", [3], [2, 2, 0])),
      along(normal([2, 4]), whole([2, 2], [0, 4], "i32")),
      along(whole([2, 3], [-9, 9]), whole([2, 2], [0, 3])),
    ],
  },
  scatterAddElements: {
    evaluate: ([indices, updates], _, shapes) => {
      const count = indices!.shape.at(-1)!;
      const sums = generate(shapes[0]!, (index) => {
        let sum = 0;
        for (let i = 0; i < count; i++) {
          const place = [...index.slice(0, -1), i];
          if (at(indices!, place) === index.at(-1)) sum += at(updates!, place);
        }
        return sum;
      });
      return [sums];
    },
    differentiable: [1],
    cases: [
      scatterElementsCase(whole([2, 3, 1], [0, 4]), 4),
      scatterElementsCase(whole([2, 5], [0, 4]), 4),
      scatterElementsCase(literal("i64", [3], [2, 2, 0]), 4),
      scatterElementsCase(whole([2, 2], [0, 4], "i32"), 4),
    ],
  },
} satisfies Partial<OpSpecs>;
