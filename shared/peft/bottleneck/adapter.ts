import type { CanonicalBottleneck, CanonicalDelta } from "../../delta/canonical.ts";
import { NO_DELTA } from "../../delta/canonical.ts";
import { f32, type Tensor, totalElements } from "../../tensor.ts";
import type { Architecture } from "./architecture.ts";

/** The tensors of one adapter: s · (f(h·D + d) U + u). */
export interface BottleneckTensors {
  /** D [d_model, M] */
  readonly down: Tensor<"f32">;
  /** d [M] */
  readonly downBias: Tensor<"f32">;
  /** U [M, d_model] */
  readonly up: Tensor<"f32">;
  /** u [d_model] */
  readonly upBias: Tensor<"f32">;
  /** s [1] or [d_model]; only if trainable. */
  readonly scaling?: Tensor<"f32">;
}

/** The adapters of one model, by block path. */
export interface BottleneckAdapter {
  readonly architecture: Architecture;
  readonly tensors: ReadonlyMap<string, BottleneckTensors>;
}

/** The names of the graph's parameters for the adapter of a block. */
export const parameterNames = (path: string) => ({
  down: `${path}.adapter_down`,
  downBias: `${path}.adapter_down_bias`,
  up: `${path}.adapter_up`,
  upBias: `${path}.adapter_up_bias`,
  scaling: `${path}.adapter_scaling`,
});

/** Folds the scaling into U and u. */
export function canonicalBottlenecks({ architecture, tensors }: BottleneckAdapter): CanonicalDelta {
  const bottlenecks = [...tensors].map(([path, { down, downBias, up, upBias, scaling }]) => {
    const columns = down.shape[1]!;
    const all = (flag: boolean) => f32([columns], new Float32Array(columns).fill(flag ? 1 : 0));
    const factor = (at: number) => {
      if (scaling === undefined) return architecture.scaling as number;
      return scaling.data[scaling.data.length === 1 ? 0 : at % scaling.data.length]!;
    };
    const scaled = ({ shape, data }: Tensor<"f32">) =>
      f32(
        shape,
        data.map((value, at) => value * factor(at)),
      );
    const bottleneck: CanonicalBottleneck = {
      down,
      downBias,
      up: scaled(up),
      upBias: scaled(upBias),
      fromOutput: all(architecture.fromOutput),
      fromStream: all(architecture.fromStream),
      silu: all(architecture.silu),
    };
    return [path, bottleneck] as const;
  });
  return { ...NO_DELTA, bottlenecks: new Map(bottlenecks) };
}

export function countNumbers({ tensors }: BottleneckAdapter): number {
  return totalElements([...tensors.values()].flatMap((adapter) => Object.values(adapter) as Tensor<"f32">[]));
}
