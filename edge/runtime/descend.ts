import type { ModelConfig } from "../../shared/model/config.ts";
import type { LayerPast } from "./own-past.ts";

export interface Descent {
  /** The places that may change: from … to − 1. */
  readonly from: number;
  readonly to: number;
  /** How many places the tensors have. */
  readonly places: number;
  readonly stepSize: number;
  readonly gamma: number;
  /** The longest that a step may be. */
  readonly longest: number;
}

/** Keeps a norm of 0 from dividing; the paper's code has it too. */
const TINY = 1e-15;

/**
 * Moves a layer's keys and values [K, N, P] down their gradients: x −= step_size · g / ‖g‖^γ, the norm over both and over the
 * places that may change. Dathathri et al. 2020; with γ > 1 a small gradient makes a long step, which ends here at `longest`,
 * so that no text grows beyond all bounds.
 */
export function descend(
  { kvHeads, headDim }: Pick<ModelConfig, "kvHeads" | "headDim">,
  past: LayerPast,
  gradient: LayerPast,
  { from, to, places, stepSize, gamma, longest }: Descent,
): void {
  const heads = Array.from({ length: kvHeads }, (_, head) => [
    (head * places + from) * headDim,
    (head * places + to) * headDim,
  ]) as [number, number][];
  let squares = 0;
  for (const { view } of [viewOf(gradient.key), viewOf(gradient.value)]) {
    for (const [start, end] of heads) for (let i = start; i < end; i++) squares += view[i]! * view[i]!;
  }
  const norm = Math.sqrt(squares) + TINY;
  const scale = Math.min(stepSize / norm ** gamma, longest / norm);
  for (const part of ["key", "value"] as const) {
    const [values, slopes] = [past[part].view(), gradient[part].view()];
    for (const [start, end] of heads) for (let i = start; i < end; i++) values[i]! -= scale * slopes[i]!;
  }
}

const viewOf = (tensor: LayerPast["key"]) => ({ view: tensor.view() });
