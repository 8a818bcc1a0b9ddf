import { f32, type Tensor } from "../tensor.ts";
import type { CanonicalDelta, CanonicalModule } from "./canonical.ts";
import { sideBySide, sumDeltas } from "./sum.ts";

/**
 * Combines two deltas, the second trained on the base with the first folded into its weights. On the base, the result
 * computes the same as the second delta on that merged model. With y = s₁ ⊙ xW + xA₁B₁ + b₁ instead of xW,
 *
 *     s = s₁ ⊙ s₂,   AB = A₁ (B₁ diag(s₂)) + A₂B₂,   b = b₁ + b₂
 *
 * since the second's own terms were made from the merged weights and biases. Everything but linear layers adds up.
 */
export function onTopOf(first: CanonicalDelta, second: CanonicalDelta): CanonicalDelta {
  const weightless = (delta: CanonicalDelta) => ({ delta: { ...delta, linears: new Map() }, weight: 1 });
  const linears = new Map(first.linears);
  for (const [path, module] of second.linears) {
    const below = first.linears.get(path);
    linears.set(path, below === undefined ? module : composed(below, module));
  }
  return { ...sumDeltas([weightless(first), weightless(second)]), linears };
}

function composed(first: CanonicalModule, second: CanonicalModule): CanonicalModule {
  const { scale } = second;
  const factors = [
    ...(first.a === undefined || first.b === undefined ? [] : [{ a: first.a, b: columnsScaled(first.b, scale) }]),
    ...(second.a === undefined || second.b === undefined ? [] : [{ a: second.a, b: second.b }]),
  ];
  const scales = combined(first.scale, scale, (left, right) => left * right);
  const bias = combined(first.bias, second.bias, (left, right) => left + right);
  return {
    ...(factors.length === 0 ? {} : sideBySide(factors)),
    ...(scales === undefined ? {} : { scale: scales }),
    ...(bias === undefined ? {} : { bias }),
  };
}

type Vector = Tensor<"f32"> | undefined;

function combined(left: Vector, right: Vector, combine: (left: number, right: number) => number): Vector {
  if (left === undefined || right === undefined) return left ?? right;
  return f32(
    left.shape,
    left.data.map((value, at) => combine(value, right.data[at]!)),
  );
}

/** B diag(s) for B [R, out]. */
function columnsScaled(b: Tensor<"f32">, scale: Vector): Tensor<"f32"> {
  if (scale === undefined) return b;
  const columns = scale.data.length;
  return f32(
    b.shape,
    b.data.map((value, at) => value * scale.data[at % columns]!),
  );
}
