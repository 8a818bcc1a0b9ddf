import { describe, expect, it } from "vitest";
import { ARITY, broadcast, INFER, inferTypes, type OpAttrs, type OpName } from "../../../shared/graph/ops.ts";
import type { Shape, ValueType } from "../../../shared/graph/value-type.ts";
import type { DType } from "../../../shared/tensor.ts";

const type = (dtype: DType, ...shape: Shape): ValueType => ({ dtype, shape });
const f32 = (...shape: Shape) => type("f32", ...shape);
const i64 = (...shape: Shape) => type("i64", ...shape);
const infer = <K extends OpName>(op: K, inputs: readonly ValueType[], attrs: OpAttrs[K]) =>
  inferTypes(op, inputs, attrs)[0]!.shape;

describe("broadcast", () => {
  it("aligns shapes from the right and stretches ones", () => {
    expect(broadcast([2, 1, 4], [3, 1])).toEqual([2, 3, 4]);
    expect(broadcast([], [5])).toEqual([5]);
    expect(broadcast(["batch", 1], [7])).toEqual(["batch", 7]);
    expect(broadcast(["batch", "seq"], [1, 1], ["seq"])).toEqual(["batch", "seq"]);
  });

  it("never unifies a name with a number or another name", () => {
    expect(() => broadcast(["batch"], [4])).toThrow("cannot broadcast [batch] with [4]");
    expect(() => broadcast(["batch"], ["seq"])).toThrow("cannot broadcast [batch] with [seq]");
  });
});

describe("inferTypes", () => {
  it("has an arity and a rule for every op", () => {
    expect(Object.keys(INFER).sort()).toEqual(Object.keys(ARITY).sort());
  });

  it("carries named dimensions through the ops of a decode graph", () => {
    const hidden = f32("batch", "seq", 8);
    expect(infer("matmul", [hidden, f32(8, 16)], { transA: false, transB: false })).toEqual(["batch", "seq", 16]);
    expect(infer("gather", [f32(100, 8), i64("batch", "seq")], {})).toEqual(["batch", "seq", 8]);
    expect(infer("slice", [hidden], { axis: 1, start: -1, end: null })).toEqual(["batch", 1, 8]);
    expect(infer("reshape", [f32("batch", 1, 8)], { shape: ["batch", 8] })).toEqual(["batch", 8]);
    expect(infer("reshape", [hidden], { shape: ["batch", "seq", 2, 4] })).toEqual(["batch", "seq", 2, 4]);
    expect(infer("expand", [f32("batch", 1)], { shape: [3, "batch", 4] })).toEqual([3, "batch", 4]);
    expect(infer("reduceSum", [hidden], { axes: [1], keepdims: true })).toEqual(["batch", 1, 8]);
  });

  it("gives comparisons the type bool, and casts their target type", () => {
    expect(inferTypes("greater", [f32(2), f32(2)], {})).toEqual([type("bool", 2)]);
    expect(inferTypes("cast", [type("bool", 2)], { to: "f32" })).toEqual([f32(2)]);
  });

  const plain = { transA: false, transB: false };
  const scores = f32(2, 3, 4);
  const cache = f32(1, 2, 9, 4);
  const attention = [
    f32(1, 3, 16),
    f32(1, 3, 8),
    f32(1, 3, 8),
    cache,
    cache,
    type("i32", 1),
    type("i32"),
    f32(9, 2),
    f32(9, 2),
  ];
  const wrong: readonly (readonly [OpName, readonly ValueType[], object, string])[] = [
    ["add", [f32(2)], {}, "add takes 2 inputs, got 1"],
    ["neg", [f32(2), f32(2)], {}, "neg takes 1 inputs, got 2"],
    ["add", [f32(2, 3), f32(2, 4)], {}, "add: cannot broadcast [2, 3] with [2, 4]"],
    ["add", [f32(2), i64(2)], {}, "add: operands differ in type: f32[2] and i64[2]"],
    ["mul", [type("bool", 2), type("bool", 2)], {}, "mul: operands must be f32 or f64 or i32 or i64, got bool[2]"],
    ["div", [i64(2), i64(2)], {}, "div: operands must be f32 or f64, got i64[2]"],
    ["exp", [i64(2)], {}, "exp: the operand must be f32 or f64, got i64[2]"],
    ["where", [f32(2), f32(2), f32(2)], {}, "where: the condition must be bool, got f32[2]"],
    ["matmul", [f32(2, 3), f32(4, 5)], plain, "matmul: inner dimensions differ: f32[2, 3] · f32[4, 5]"],
    [
      "matmul",
      [f32(3, 2), f32(5, 4)],
      { transA: true, transB: true },
      "inner dimensions differ: f32[3, 2]ᵀ · f32[5, 4]ᵀ",
    ],
    ["matmul", [f32(3), f32(3, 4)], plain, "matmul: operands need rank 2 or more, got f32[3] and f32[3, 4]"],
    ["matmul", [i64(2, 3), i64(3, 4)], plain, "matmul: operands must be f32 or f64, got i64[2, 3]"],
    ["matmul", [f32(2, 3, 4), f32(5, 4, 2)], plain, "matmul: cannot broadcast [2] with [5]"],
    [
      "matmulNf4",
      [f32(3, 4), type("u8", 32), f32(1)],
      { rows: 4, columns: 16, transB: true },
      "matmulNf4: x must be [..., 16] for the matrix [4, 16]ᵀ, got f32[3, 4]",
    ],
    [
      "matmulNf4",
      [f32(3, 4), type("u8", 31), f32(1)],
      { rows: 4, columns: 16, transB: false },
      "matmulNf4: the packed matrix must be [32], got u8[31]",
    ],
    [
      "matmulNf4",
      [f32(3, 4), type("u8", 32), f32(2)],
      { rows: 4, columns: 16, transB: false },
      "matmulNf4: the scales must be [1], got f32[2]",
    ],
    [
      "matmulNf4",
      [f32(3, 4), type("u8", 32), type("u8", 1), f32(1, 1), f32()],
      { rows: 4, columns: 16, transB: false },
      "matmulNf4: the codes of scales must be [1, 256], got u8[1]",
    ],
    [
      "matmulNf4",
      [f32(3, 4), type("u8", 32), type("u8", 1, 256), f32(1, 1)],
      { rows: 4, columns: 16, transB: false },
      "matmulNf4: takes x, the packed matrix and 1 or 3 tensors of scales",
    ],
    [
      "reduceSum",
      [f32(2, 3)],
      { axes: [2], keepdims: false },
      "axes [2] must be ascending and below the rank of f32[2, 3]",
    ],
    ["reduceSum", [f32(2, 3)], { axes: [1, 0], keepdims: false }, "axes [1, 0] must be ascending"],
    ["reduceMean", [i64(2)], { axes: [0], keepdims: false }, "reduceMean: the operand must be f32 or f64, got i64[2]"],
    ["softmax", [f32()], {}, "softmax: needs a last axis, got f32[]"],
    ["reshape", [f32(2, 3)], { shape: [4] }, "reshape: cannot reshape f32[2, 3] to [4]"],
    ["reshape", [f32("batch", 4)], { shape: [4] }, "reshape: cannot reshape f32[batch, 4] to [4]"],
    ["transpose", [f32(2, 3)], { perm: [0, 0] }, "transpose: [0, 0] is not a permutation of the axes of f32[2, 3]"],
    ["expand", [f32(3)], { shape: [2] }, "expand: cannot broadcast [3] with [2]"],
    ["expand", [f32(2, 3)], { shape: [3] }, "expand: cannot expand f32[2, 3] to [3]"],
    ["expand", [f32(1, 4)], { shape: ["batch", 4] }, "expand: cannot expand f32[1, 4] to [batch, 4]"],
    ["expand", [f32(4)], { shape: ["batch", 4] }, "expand: cannot expand f32[4] to [batch, 4]"],
    ["concat", [], { axis: 0 }, "concat: needs at least one input"],
    ["concat", [f32(2, 3), f32(2, 4)], { axis: 0 }, "concat: cannot concatenate f32[2, 3], f32[2, 4] along axis 0"],
    ["concat", [f32(2), i64(2)], { axis: 0 }, "concat: operands differ in type"],
    ["concat", [f32("batch"), f32(2)], { axis: 0 }, "concat: cannot concatenate f32[batch], f32[2] along axis 0"],
    ["slice", [scores], { axis: 3, start: 0, end: 1 }, "slice: axis 3 is outside f32[2, 3, 4]"],
    ["slice", [scores], { axis: 1, start: 2, end: 4 }, "slice: slice 2:4 is outside axis 1 of f32[2, 3, 4]"],
    ["slice", [scores], { axis: 1, start: 2, end: 2 }, "slice: slice 2:2 is outside axis 1 of f32[2, 3, 4]"],
    ["slice", [scores], { axis: 1, start: -4, end: null }, "is outside axis 1 of f32[2, 3, 4]"],
    [
      "slice",
      [f32("seq")],
      { axis: 0, start: 1, end: null },
      "axis 0 of f32[seq] has no known size: slice it from its end",
    ],
    [
      "pad",
      [f32("seq")],
      { axis: 0, before: 1, after: 0 },
      "axis 0 of f32[seq] cannot be padded: its size is not known",
    ],
    ["pad", [f32(4)], { axis: 0, before: -1, after: 0 }, "pad: cannot pad by -1 and 0: use slice to remove elements"],
    ["gather", [f32(5, 4), f32(2)], {}, "gather: indices must be i64 or i32, got f32[2]"],
    ["gather", [f32(), i64(2)], {}, "gather: the table needs rows, got f32[]"],
    ["scatterAddRows", [i64(2), f32(3, 4)], { rows: 5 }, "scatterAddRows: updates must be [2, 4], got f32[3, 4]"],
    ["scatterAddRows", [i64(2), f32(2, "d")], { rows: 5 }, "the width of updates must be known: d is not"],
    ["gatherElements", [f32(2, 4), i64(3, 1)], {}, "gatherElements: indices must be [2, 1], got i64[3, 1]"],
    ["gatherElements", [f32(4), i64()], {}, "gatherElements: indices must have rank 1, got i64[]"],
    ["scatterAddElements", [i64(2, 1), f32(2, 2)], { depth: 4 }, "updates must be [2, 1], got f32[2, 2]"],
    [
      "scatterAddElements",
      [i64("batch", 1), f32("batch", 1)],
      { depth: 4 },
      "the leading dimensions must be known: batch is not",
    ],
    ["rmsNorm", [f32(2, 8), f32(4)], { epsilon: 1e-5 }, "rmsNorm: the weight must be [8], got f32[4]"],
    ["rope", [f32(2, 3, 4), i64(2, 3), f32(8, 2), f32(8, 2)], {}, "rope: x must have rank 4, got f32[2, 3, 4]"],
    ["rope", [f32(1, 2, 3, 4), i64(1, 2), f32(8, 2), f32(8, 2)], {}, "rope: positions must be [1, 3], got i64[1, 2]"],
    [
      "rope",
      [f32(1, 2, 3, 4), type("i32", 1, 3), f32(8, 2), f32(8, 2)],
      {},
      "rope: positions must be i64, got i32[1, 3]",
    ],
    ["rope", [f32(1, 2, 3, 4), i64(1, 3), f32(8, 4), f32(8, 4)], {}, "the tables must be half as wide as a head"],
    ["groupQueryAttention", attention, { heads: 2, kvHeads: 2 }, "2 and 2 heads of width 4 do not match f32[1, 3, 16]"],
    [
      "groupQueryAttention",
      attention.with(5, i64(1)),
      { heads: 4, kvHeads: 2 },
      "the last indices must be i32, got i64[1]",
    ],
    [
      "groupQueryAttention",
      attention.with(5, type("i32", 2)),
      { heads: 4, kvHeads: 2 },
      "the last indices must be [1], got i32[2]",
    ],
    [
      "groupQueryAttention",
      attention.with(0, f32(1, 2, 16)),
      { heads: 4, kvHeads: 2 },
      "rows and tokens differ: f32[1, 2, 16]",
    ],
    [
      "groupQueryAttention",
      [...attention, i64(1, 3)],
      { heads: 4, kvHeads: 2 },
      "takes 9 inputs, or 11 with positions and bias",
    ],
    [
      "groupQueryAttention",
      [...attention, i64(1, 2), f32(1, 1, 3, 8)],
      { heads: 4, kvHeads: 2 },
      "positions must be [1, 3], got i64[1, 2]",
    ],
    [
      "groupQueryAttention",
      [...attention, i64(1, 3), f32(1, 4, 3, 8)],
      { heads: 4, kvHeads: 2 },
      "the bias must be [1, 1, 3, 8], got f32[1, 4, 3, 8]",
    ],
  ];

  it.each(wrong)("rejects %s of mismatched inputs", (op, inputs, attrs, message) => {
    expect(() => inferTypes(op, inputs, attrs as never)).toThrow(
      expect.objectContaining({ code: "invalid_graph", message: expect.stringContaining(message) }),
    );
  });

  it("reports the op and its input types in the error's data", () => {
    const error = (() => {
      try {
        return inferTypes("add", [f32(2), f32(3)], {});
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toMatchObject({ data: { op: "add", inputs: ["f32[2]", "f32[3]"] } });
  });
});
