/** Serves the folders that peft and AdapterHub wrote, and compares with the logits that they computed. */
import { describe, expect, it } from "vitest";
import { Decoder } from "../../../edge/runtime/decoder.ts";
import { DeltaArena } from "../../../edge/runtime/delta-arena.ts";
import { KvSlab } from "../../../edge/runtime/kv-slab.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { RowVectors } from "../../../edge/runtime/row-vectors.ts";
import { type RowDeltas, rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { WeightSet } from "../../../edge/runtime/weight-set.ts";
import { type ModelConfig, parseModelConfig } from "../../../shared/model/config.ts";
import { readWeights, type Weights } from "../../../shared/model/weights.ts";
import { readAdapterFolder } from "../../../shared/peft/adapter-folder.ts";
import { ADAPTER_FORMATS } from "../../../shared/peft/registry.ts";
import { bytesOf } from "../support/stored-folder.ts";
import { largestDifference } from "./tiny-model.ts";

type Files<T> = Readonly<Record<string, T>>;
const TENSORS: Files<string> = import.meta.glob("../../golden/peft/*/adapter*.safetensors", {
  eager: true,
  import: "default",
  query: "?url&inline",
});
const CONFIGS: Files<object> = import.meta.glob("../../golden/peft/*/adapter_config.json", {
  eager: true,
  import: "default",
});
const GOLDENS: Files<Golden> = import.meta.glob("../../golden/peft/*/golden.json", { eager: true, import: "default" });
const BASES: Files<string> = import.meta.glob("../../golden/llama/*/*.safetensors", {
  eager: true,
  import: "default",
  query: "?url&inline",
});
const BASE_CONFIGS: Files<object> = import.meta.glob("../../golden/llama/*/config.json", {
  eager: true,
  import: "default",
});

interface Golden {
  readonly base: string;
  readonly inputIds: { readonly shape: readonly [number, number]; readonly data: readonly number[] };
  readonly logits: { readonly data: readonly number[] };
}

const CAPACITY = 24;
/** Enough for every adapter in either layout. */
const FLOATS = 4_000_000;
/** Goldens that the edge cannot reproduce, and why. */
const EXCLUDED: Readonly<Record<string, string>> = {
  "ia3-inputs-qwen2": "scales inputs, which is not additive: tests/shared/peft/ia3 tests that it is rejected",
  qlora: "computed on a 4-bit base",
  "qlora-single": "computed on a 4-bit base",
};

/** A base with everything needed to serve it, and its goldens. */
async function openBase(name: string, rowsCost: () => number) {
  const config = parseModelConfig(BASE_CONFIGS[`../../golden/${name}/config.json`]);
  const files = Object.keys(BASES).filter((path) => path.startsWith(`../../golden/${name}/`));
  const weights = await readWeights(config, { names: files, bytes: async (path) => bytesOf(BASES[path]!) });
  const nameOf = (path: string) => path.split("/").at(-2)!;
  const cases = Object.keys(GOLDENS).filter((path) => GOLDENS[path]!.base === name && !(nameOf(path) in EXCLUDED));
  const ort = await loadOrtModule();
  const slots = 2 * cases.length;
  const slab = new KvSlab(ort, config, { slots, capacity: CAPACITY });
  const arena = new DeltaArena(ort, config, { slots, rowsCost, floats: FLOATS });
  const decoder = new Decoder(ort, config, { slab, arena, vectors: new RowVectors(ort, config, slots) }, { chunk: 16 });
  const rows = await Promise.all(
    cases.map(async (path) => {
      const folder = path.slice(0, path.lastIndexOf("/") + 1);
      return { name: nameOf(path), golden: GOLDENS[path]!, deltas: await readCase(folder, config, weights) };
    }),
  );
  return { config, slab, arena, decoder, weights: new WeightSet(ort, weights), rows };
}

async function readCase(folder: string, config: ModelConfig, weights: Weights): Promise<RowDeltas> {
  const tensors = Object.entries(TENSORS).filter(([path]) => path.startsWith(folder));
  const files = new Map<string, Uint8Array>([
    ["adapter_config.json", new TextEncoder().encode(JSON.stringify(CONFIGS[`${folder}adapter_config.json`]))],
    ...tensors.map(([path, url]) => [path.slice(folder.length), bytesOf(url)] as const),
  ]);
  const weight = async (tensor: string) => weights.get(tensor)!;
  const { delta } = await readAdapterFolder(files, { config, weight }, ADAPTER_FORMATS);
  return rowDeltas([{ delta: servingDelta(folder, delta), weight: 1 }]);
}

describe.each(["llama/plain", "llama/qwen2", "llama/tied-sharded-bf16"])("adapters on %s", (name) => {
  it.each([
    ["bank", () => Number.MAX_VALUE],
    ["rows", () => 0],
  ])(
    "give the logits that their libraries computed, all in one batch: %s",
    { timeout: 120_000 },
    async (layout, rowsCost) => {
      const { config, slab, arena, decoder, weights, rows } = await openBase(name, rowsCost);
      expect(rows.length).toBeGreaterThan(2);
      // Two texts per adapter: the first token is prefilled, then all rows decode the others together.
      const places = rows.flatMap((row) => [0, 1].map((text) => ({ ...row, text })));
      const ids = ({ golden, text }: (typeof places)[number]) => {
        const length = golden.inputIds.shape[1];
        return golden.inputIds.data.slice(text * length, (text + 1) * length);
      };
      decoder.arrange(places.map(({ deltas }) => deltas));
      expect(arena.layout).toBe(layout);
      const got = places.map((place, slot) => {
        const { nonColumnParts, prefixTokens: start, virtualTokens: virtual } = place.deltas;
        if (nonColumnParts.prefix !== undefined) slab.writePrefix(slot, nonColumnParts.prefix);
        return [...decoder.prefill(weights, { slot, start, virtual, tokens: ids(place).slice(0, 1) })];
      });
      const length = rows[0]!.golden.inputIds.shape[1];
      for (let at = 1; at < length; at++) {
        const batch = places.map((place) => {
          const { prefixTokens, virtualTokens } = place.deltas;
          return { token: ids(place)[at]!, position: prefixTokens + virtualTokens + at };
        });
        const logits = decoder.decode(weights, 0, batch);
        got.forEach((all, slot) => {
          all.push(...logits.subarray(slot * config.vocabSize, (slot + 1) * config.vocabSize));
        });
      }
      const size = length * config.vocabSize;
      const differences = places.map(({ name: adapter, golden, text }, slot) => {
        return [
          adapter,
          largestDifference(got[slot]!, golden.logits.data.slice(text * size, (text + 1) * size)),
        ] as const;
      });
      expect(differences.filter(([, difference]) => !(difference < 1e-4))).toEqual([]);
    },
  );
});
