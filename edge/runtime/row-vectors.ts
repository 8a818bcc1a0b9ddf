import type { ModelConfig } from "../../shared/model/config.ts";
import type { OrtModule } from "./ort-module.ts";
import { allocateTensor, type ResidentTensor } from "./resident-tensor.ts";
import { BARE, type RowDeltas } from "./serving-delta.ts";
import type { NamedTensors } from "./session.ts";
import { type VectorKind, type VectorSite, vectorBytes, vectorSites } from "./slot-sizes.ts";
import { WindowCache } from "./window-cache.ts";

const WINDOWS = 16;

export type { VectorKind } from "./slot-sizes.ts";

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
    return vectorBytes(config);
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

const neutral = ({ part }: VectorSite) => (part === "scale" ? 1 : 0);
