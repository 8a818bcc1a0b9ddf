import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { type Shape, sameShape } from "../graph/value-type.ts";

/** The adjoint of broadcasting: sums the axes along which `shape` was repeated to give `value`'s shape. */
export function sumToShape(b: GraphBuilder, value: Value, shape: Shape): Value {
  if (sameShape(value.shape, shape)) return value;
  const lead = value.shape.length - shape.length;
  const axes = value.shape.map((_, axis) => axis).filter((axis) => axis < lead || shape[axis - lead] === 1);
  const summed = b.reduceSum(
    value,
    axes.filter((axis) => axis < lead || value.shape[axis] !== 1),
  );
  return sameShape(summed.shape, shape) ? summed : b.reshape(summed, shape);
}
