/**
 * The part of `npm run bench -- probe` that runs inside workerd: `POST /` with a `ProbeRound` does it. What is loaded and arranged
 * stays for the next request.
 */
import { Decoder } from "../../edge/runtime/decoder.ts";
import { DeltaArena } from "../../edge/runtime/delta-arena.ts";
import { KvSlab } from "../../edge/runtime/kv-slab.ts";
import { loadOrtModule } from "../../edge/runtime/ort-module.ts";
import { RowVectors } from "../../edge/runtime/row-vectors.ts";
import type { RowDeltas } from "../../edge/runtime/serving-delta.ts";
import { WeightSet } from "../../edge/runtime/weight-set.ts";
import baseConfig from "../../infra/base/model/config.json";
import { parseModelConfig } from "../../shared/model/config.ts";
import { initialWeights } from "../../shared/model/init.ts";
import { type ArrangeRound, CHUNK, COUNTS, type ProbeRound, SLOTS, type WayRound } from "../bench/probe/round.ts";
import { rowsOf } from "../bench/serving/deltas.ts";
import { ceilings } from "./ceilings.ts";

const HEAP_BYTES = 1024 * 1024 * 1024;
const ARENA_FLOATS = 8_000_000;

async function load() {
  const config = parseModelConfig(baseConfig);
  const ort = await loadOrtModule({ heapLimitBytes: HEAP_BYTES });
  const slab = new KvSlab(ort, config, { slots: SLOTS, capacity: config.maxPositions });
  const arena = new DeltaArena(ort, config, { slots: SLOTS, floats: ARENA_FLOATS });
  const decoder = new Decoder(
    ort,
    config,
    { slab, arena, vectors: new RowVectors(ort, config, SLOTS) },
    { chunk: CHUNK },
  );
  const weights = new WeightSet(ort, initialWeights(config, 1));
  return { config, slab, decoder, weights, products: ceilings(ort), rows: new Map<string, RowDeltas>(), position: 0 };
}

type Loaded = Awaited<ReturnType<typeof load>>;
let loaded: Promise<Loaded> | undefined;

function arrange(all: Loaded, { load: name, tokens }: ArrangeRound): void {
  const { config, slab, decoder, weights, rows } = all;
  const row = rows.get(name) ?? rowsOf(name, config, 1)[0]!;
  rows.set(name, row);
  decoder.arrange(new Array<RowDeltas>(SLOTS).fill(row));
  const { prefixTokens: start, virtualTokens: virtual } = row;
  if (row.nonColumnParts.prefix !== undefined) slab.writePrefix(0, row.nonColumnParts.prefix);
  if (virtual > 0) decoder.prefill(weights, { slot: 0, start, virtual, tokens: [] });
  const text = Array.from({ length: tokens }, (_, i) => (101 * i) % config.vocabSize);
  for (let from = 0; from < tokens; from += CHUNK) {
    const chunk = text.slice(from, from + CHUNK);
    decoder.prefill(weights, { slot: 0, start: start + virtual + from, virtual: 0, tokens: chunk });
  }
  all.position = start + virtual + tokens;
  for (let slot = 1; slot < SLOTS; slot++) slab.copy(0, slot, all.position);
}

function go({ config, slab, decoder, weights, position }: Loaded, { op, count }: WayRound): void {
  const tokens = Array.from({ length: count }, (_, i) => (37 * i + 5) % config.vocabSize);
  const batch = tokens.map((token) => ({ token, position }));
  if (op === "probe") decoder.probe(weights, { slot: 0, position, tokens }, () => {});
  else if (op === "singles") for (const row of batch) decoder.decode(weights, 0, [row]);
  else if (op === "batch") decoder.decode(weights, 1, batch);
  else {
    for (let i = 1; i <= count; i++) slab.copy(0, i, position);
    decoder.decode(weights, 1, batch);
    for (let i = 1; i <= count; i++) slab.clear(i, { from: position, to: position + 1 });
  }
}

/** The largest difference between the logits that a probe gives and those of decoding each candidate. */
function differ({ config, slab, decoder, weights, position }: Loaded): number {
  const tokens = Array.from({ length: Math.max(...COUNTS) }, (_, i) => (37 * i + 5) % config.vocabSize);
  const probed: Float32Array[] = [];
  decoder.probe(weights, { slot: 0, position, tokens }, ({ logits }) => void probed.push(logits.slice()));
  let largest = 0;
  for (const [i, token] of tokens.entries()) {
    const logits = decoder.decode(weights, 0, [{ token, position }]);
    for (const [v, logit] of logits.entries()) largest = Math.max(largest, Math.abs(logit - probed[i]![v]!));
  }
  slab.clear(0, { from: position, to: position + 1 });
  return largest;
}

export default {
  async fetch(request: Request): Promise<Response> {
    try {
      const round = (await request.json()) as ProbeRound;
      loaded ??= load();
      const all = await loaded;
      if (round.op === "differ") return new Response(String(differ(all)));
      for (let n = 0; n < round.times; n++) {
        if ("load" in round) arrange(all, round);
        else if ("count" in round) go(all, round);
        else all.products[round.op]();
      }
      return new Response("done");
    } catch (error) {
      return new Response(String((error as Error).stack ?? error), { status: 500 });
    }
  },
};
