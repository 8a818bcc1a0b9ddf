import type { Tensor } from "../tensor.ts";
import type { CanonicalDelta } from "./canonical.ts";
import { canonicalTensors } from "./serving-file.ts";

/** An upper bound on the magnitude of a delta's elements, in tensors and in products of factors. */
export function magnitude(delta: CanonicalDelta): number {
  const largest = (tensor: Tensor<"f32"> | undefined) =>
    tensor?.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) ?? 0;
  const tensors = [...canonicalTensors(delta).values()].map(largest);
  const factors = [...delta.linears.values(), ...(delta.embedding === undefined ? [] : [delta.embedding])];
  const products = factors.map(({ a, b }) => largest(a) * largest(b) * (a?.shape[1] ?? 0));
  const blocks = [...delta.bottlenecks.values()].map(
    ({ down, up }) => largest(down) * largest(up) * (down.shape[1] ?? 0),
  );
  return Math.max(0, ...tensors, ...products, ...blocks);
}
