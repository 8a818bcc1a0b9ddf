/**
 * The part of `npm run bench -- serving` that runs inside workerd: `POST /` runs a `Round` and returns the layout of the batch.
 * The loaded model and the arranged batch are kept for the next request.
 */
import { Decoder } from "../../edge/runtime/decoder.ts";
import { DeltaArena } from "../../edge/runtime/delta-arena.ts";
import { KvSlab } from "../../edge/runtime/kv-slab.ts";
import { loadOrtModule, type OrtModule } from "../../edge/runtime/ort-module.ts";
import { RowVectors } from "../../edge/runtime/row-vectors.ts";
import type { RowDeltas } from "../../edge/runtime/serving-delta.ts";
import { WeightSet } from "../../edge/runtime/weight-set.ts";
import baseConfig from "../../infra/base/model/config.json";
import { type ModelConfig, parseModelConfig } from "../../shared/model/config.ts";
import { initialWeights } from "../../shared/model/init.ts";
import { rowsOf, sharedLoras } from "../bench/serving/deltas.ts";
import { type Batch, PREFILL_TOKENS, type Round, SLOTS } from "../bench/serving/round.ts";
import { ceilings } from "./ceilings.ts";

const HEAP_BYTES = 1024 * 1024 * 1024;
/** Enough floats for 16 rows of the widest bottlenecks in either layout. */
const ARENA_FLOATS = 24_000_000;
/** Tokens in each row's cache. */
const TEXT = 128;

interface Serving {
  readonly decoder: Decoder;
  readonly arena: DeltaArena;
  readonly slab: KvSlab;
}

interface Loaded {
  readonly ort: OrtModule;
  readonly config: ModelConfig;
  readonly weights: WeightSet;
  /** One with the layout that the arena chooses, and one for each forced layout. */
  readonly serving: Readonly<Record<Batch["layout"], Serving>>;
  readonly products: ReturnType<typeof ceilings>;
  readonly batches: Map<string, readonly RowDeltas[]>;
}

interface Arranged extends Serving {
  readonly rows: readonly RowDeltas[];
}

let loaded: Promise<Loaded> | undefined;
let arranged: Arranged | undefined;

async function load(): Promise<Loaded> {
  const config = parseModelConfig(baseConfig);
  const ort = await loadOrtModule({ heapLimitBytes: HEAP_BYTES });
  const slab = new KvSlab(ort, config, { slots: SLOTS, capacity: config.maxPositions });
  const open = (rowsCost?: () => number): Serving => {
    const size = { slots: SLOTS, floats: ARENA_FLOATS, ...(rowsCost === undefined ? {} : { rowsCost }) };
    const arena = new DeltaArena(ort, config, size);
    const parts = { slab, arena, vectors: new RowVectors(ort, config, SLOTS) };
    return { decoder: new Decoder(ort, config, parts, { chunk: PREFILL_TOKENS }), arena, slab };
  };
  return {
    ort,
    config,
    weights: new WeightSet(ort, initialWeights(config, 1)),
    serving: { chosen: open(), bank: open(() => Number.MAX_VALUE), rows: open(() => 0) },
    products: ceilings(ort),
    batches: new Map(),
  };
}

function arrange({ config, serving, batches }: Loaded, batch: Batch): Arranged {
  const { load: name, rows: count, distinct, layout } = batch;
  const key = `${name} ${count} ${distinct}`;
  const rows =
    batches.get(key) ?? (distinct === undefined ? rowsOf(name, config, count) : sharedLoras(config, count, distinct));
  batches.set(key, rows);
  serving[layout].decoder.arrange(rows);
  return { ...serving[layout], rows };
}

function act({ op }: Round, { weights, products }: Loaded): void {
  if (op === "gemm" || op === "gemv") {
    products[op]();
    return;
  }
  const { decoder, slab, rows } = arranged!;
  if (op === "join") {
    decoder.arrange(rows.slice(0, -1));
    decoder.arrange(rows);
  } else if (op === "step") {
    const lead = (row: RowDeltas) => row.prefixTokens + row.virtualTokens;
    decoder.decode(
      weights,
      0,
      rows.map((row) => ({ token: 7, position: lead(row) + TEXT })),
    );
  } else {
    const { nonColumnParts, prefixTokens: start, virtualTokens: virtual } = rows[0]!;
    if (nonColumnParts.prefix !== undefined) slab.writePrefix(0, nonColumnParts.prefix);
    if (virtual > 0) decoder.prefill(weights, { slot: 0, start, virtual, tokens: [] });
    const tokens = Array.from({ length: PREFILL_TOKENS }, (_, i) => i);
    decoder.prefill(weights, { slot: 0, start: start + virtual, virtual: 0, tokens });
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    try {
      const round = (await request.json()) as Round;
      loaded ??= load();
      const all = await loaded;
      if (round.op === "arrange") arranged = arrange(all, round.batch!);
      else for (let n = 0; n < round.times; n++) act(round, all);
      return new Response(arranged?.arena.layout ?? "bank");
    } catch (error) {
      return new Response(String((error as Error).stack ?? error), { status: 500 });
    }
  },
};
