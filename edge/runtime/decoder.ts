import { encodeOnnx } from "../../shared/graph/onnx.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { decodeGraph } from "../../shared/model/decode-graph.ts";
import type { DeltaBank } from "./delta-bank.ts";
import type { KvSlab } from "./kv-slab.ts";
import type { OrtModule } from "./ort-module.ts";
import { allocateTensor, type ResidentTensor } from "./resident-tensor.ts";
import { createSession, type NamedTensors, type Session } from "./session.ts";
import type { WeightSet } from "./weight-set.ts";

export type RowDeltas = readonly { readonly key: string; readonly weight: number }[];

/** One row of a decoding step. */
export interface DecodeRow {
  readonly token: number;
  /** The position of `token` in its row: how many tokens came before it. */
  readonly position: number;
  readonly deltas: RowDeltas;
}

/** A chunk of one row's prompt. */
export interface PrefillChunk {
  readonly slot: number;
  readonly tokens: readonly number[];
  /** How many tokens of the row are in the cache already. */
  readonly start: number;
  readonly deltas: RowDeltas;
}

/**
 * Runs the decode graph over the resident weights, the key/value slab and the delta bank. Nothing is copied but the token
 * ids in and the logits out; the handles of every batch size are made once and kept.
 */
export class Decoder {
  readonly #ort: OrtModule;
  readonly #config: ModelConfig;
  readonly #slab: KvSlab;
  readonly #bank: DeltaBank;
  readonly #plain: Session;
  readonly #banked: Session;
  readonly #logits: ResidentTensor<"f32">;
  readonly #last: ResidentTensor<"i32">;
  readonly #tokens: ResidentTensor<"i64">;
  readonly #longest: ResidentTensor<"i32">;
  readonly #gains: ResidentTensor<"f32">;
  readonly #handles = new Map<string, ResidentTensor>();

  constructor(ort: OrtModule, config: ModelConfig, slab: KvSlab, bank: DeltaBank, options: { chunk: number }) {
    this.#ort = ort;
    this.#config = config;
    this.#slab = slab;
    this.#bank = bank;
    const session = (deltas: "none" | "bank") => {
      const graph = decodeGraph(config, { capacity: slab.capacity, deltas });
      return createSession(this.#ort, encodeOnnx(graph), { name: graph.name });
    };
    this.#plain = session("none");
    this.#banked = session("bank");
    this.#logits = allocateTensor(ort, "f32", [slab.slots, config.vocabSize]);
    this.#last = allocateTensor(ort, "i32", [slab.slots]);
    this.#tokens = allocateTensor(ort, "i64", [Math.max(slab.slots, options.chunk)]);
    this.#longest = allocateTensor(ort, "i32", []);
    this.#gains = allocateTensor(ort, "f32", [slab.slots * bank.capacity]);
  }

  get vocabularySize(): number {
    return this.#config.vocabSize;
  }

  /**
   * Decodes the rows in slots `first` … `first + rows.length − 1`. Gives their logits [rows, V], a view that the next run
   * overwrites. Writes each row's key and value at its position.
   */
  decode(weights: WeightSet, first: number, rows: readonly DecodeRow[]): Float32Array {
    const tokens = this.#tokens.view();
    const last = this.#last.view();
    rows.forEach((row, i) => {
      tokens[i] = BigInt(row.token);
      last[i] = row.position;
    });
    const longest = 1 + Math.max(...rows.map(({ position }) => position));
    return this.#run(weights, { first, rows: rows.map(({ deltas }) => deltas), length: 1, longest });
  }

  /** Appends a chunk to one row's cache. Gives the logits [V] of its last token, a view that the next run overwrites. */
  prefill(weights: WeightSet, { slot, tokens, start, deltas }: PrefillChunk): Float32Array {
    this.#tokens.view().set(tokens.map(BigInt));
    const end = start + tokens.length;
    this.#last.view()[0] = end - 1;
    return this.#run(weights, { first: slot, rows: [deltas], length: tokens.length, longest: end });
  }

  #run(
    weights: WeightSet,
    { first, rows, length, longest }: { first: number; rows: readonly RowDeltas[]; length: number; longest: number },
  ): Float32Array {
    const count = rows.length;
    this.#longest.view()[0] = longest;
    const cache = this.#slab.window(first, count);
    const logits = this.#handle("logits", this.#logits, [count, this.#config.vocabSize]);
    const inputs: NamedTensors = {
      tokens: this.#handle("tokens", this.#tokens, [count, length]),
      last: this.#handle("last", this.#last, [count]),
      longest: this.#longest,
      ...weights.tensors,
      ...cache.past,
    };
    const outputs = { logits, ...cache.present };
    if (rows.every((deltas) => deltas.length === 0)) this.#plain.run(inputs, outputs);
    else this.#banked.run({ ...inputs, ...this.#gainsOf(rows), ...this.#bank.window() }, outputs);
    return logits.view() as Float32Array;
  }

  #gainsOf(rows: readonly RowDeltas[]): NamedTensors {
    const rank = this.#bank.activeRank;
    const view = this.#gains.view();
    for (const [i, deltas] of rows.entries()) this.#bank.writeGains(view.subarray(i * rank, (i + 1) * rank), deltas);
    return { gains: this.#handle("gains", this.#gains, [rows.length, 1, rank]) };
  }

  /** A handle of that shape over the start of `tensor`. */
  #handle(name: string, tensor: ResidentTensor, shape: readonly number[]): ResidentTensor {
    const id = `${name}[${shape.join()}]`;
    const handle = this.#handles.get(id) ?? tensor.window(shape);
    this.#handles.set(id, handle);
    return handle;
  }
}
