import type { ModelConfig } from "../../shared/model/config.ts";
import { blockPaths, linearModules } from "../../shared/model/modules.ts";
import { bottleneckNames, vectorNames } from "../../shared/model/serving-rewrite.ts";
import type { OrtModule } from "./ort-module.ts";
import { allocateTensor, type ResidentTensor } from "./resident-tensor.ts";
import { BARE, type RowDeltas } from "./serving-delta.ts";
import type { NamedTensors } from "./session.ts";
import { WindowCache } from "./window-cache.ts";

const WINDOWS = 16;

/** `layers`: scales and biases of linear layers. `blocks`: the up biases of blocks' bottlenecks. */
export type VectorKind = "layers" | "blocks";

interface VectorSite {
  readonly input: string;
  readonly path: string;
  readonly part: "scale" | "bias";
  readonly width: number;
}

/** The scales and biases of every slot, one [slots, width] tensor per graph input. Without a delta, scales are 1 and biases 0. */
export class RowVectors {
  readonly #sites: Readonly<Record<VectorKind, readonly (VectorSite & { readonly memory: ResidentTensor<"f32"> })[]>>;
  readonly #windows = new WindowCache(WINDOWS);
  #rows: readonly RowDeltas[] = [];

  constructor(ort: OrtModule, config: ModelConfig, slots: number) {
    const allocated = (kind: VectorKind) =>
      vectorSites(config, kind).map((site) => {
        const memory = allocateTensor(ort, "f32", [slots, site.width]);
        memory.view().fill(neutral(site));
        return { ...site, memory };
      });
    this.#sites = { layers: allocated("layers"), blocks: allocated("blocks") };
  }

  static bytesPerSlot(config: ModelConfig): number {
    const sites = [...vectorSites(config, "layers"), ...vectorSites(config, "blocks")];
    return sites.reduce((sum, { width }) => sum + 4 * width, 0);
  }

  /** Puts row i of the batch in slot i and erases rows that have left. Writes only the slots that changed. */
  arrange(rows: readonly RowDeltas[]): void {
    for (let slot = 0; slot < Math.max(rows.length, this.#rows.length); slot++) {
      const row = rows[slot] ?? BARE;
      if (row === (this.#rows[slot] ?? BARE)) continue;
      for (const site of [...this.#sites.layers, ...this.#sites.blocks]) {
        const view = site.memory.view();
        const values = row.nonColumnParts.linears.get(site.path)?.[site.part]?.data;
        if (values === undefined) view.fill(neutral(site), slot * site.width, (slot + 1) * site.width);
        else view.set(values, slot * site.width);
      }
    }
    this.#rows = rows;
  }

  /** Slots `first` … `first + count − 1`, under the decode graph's input names. This object owns the result. */
  window(kind: VectorKind, first: number, count: number): NamedTensors {
    return this.#windows.get(`${kind} ${first}+${count}`, () =>
      Object.fromEntries(
        this.#sites[kind].map(({ input, width, memory }) => [input, memory.window([count, 1, width], first * width)]),
      ),
    );
  }
}

function vectorSites(config: ModelConfig, kind: VectorKind): VectorSite[] {
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

const neutral = ({ part }: VectorSite) => (part === "scale" ? 1 : 0);
