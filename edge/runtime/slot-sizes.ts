/**
 * The heap that one row of a batch takes. Separate from the code that allocates it, so that a plan can be made outside
 * a Worker.
 */
import type { ModelConfig } from "../../shared/model/config.ts";
import { cacheWidth } from "../../shared/model/decode-graph.ts";
import { blockPaths, linearModules } from "../../shared/model/modules.ts";
import { bottleneckNames, vectorNames } from "../../shared/model/serving-rewrite.ts";

/** `layers`: scales and biases of linear layers. `blocks`: the up biases of blocks' bottlenecks. */
export type VectorKind = "layers" | "blocks";

/** A vector of a row, and the graph input that it goes to. */
export interface VectorSite {
  readonly input: string;
  readonly path: string;
  readonly part: "scale" | "bias";
  readonly width: number;
}

/** Bytes of a row's keys and values. */
export function cacheBytes(config: ModelConfig, capacity: number): number {
  return config.layers * 2 * config.kvHeads * capacity * cacheWidth(config) * 4;
}

/** Bytes of a row's scales and biases. */
export function vectorBytes(config: ModelConfig): number {
  const sites = [...vectorSites(config, "layers"), ...vectorSites(config, "blocks")];
  return sites.reduce((sum, { width }) => sum + 4 * width, 0);
}

export function vectorSites(config: ModelConfig, kind: VectorKind): VectorSite[] {
  if (kind === "blocks") {
    return blockPaths(config).map((path) => {
      return { input: bottleneckNames(path).upBias, path, part: "bias", width: config.hiddenSize };
    });
  }
  return linearModules(config).flatMap(({ path, out }) => {
    const { scale, bias } = vectorNames(path);
    return [
      { input: scale, path, part: "scale", width: out },
      { input: bias, path, part: "bias", width: out },
    ];
  });
}
