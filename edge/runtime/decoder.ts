import type { ModelConfig } from "../../shared/model/config.ts";
import { blockPaths } from "../../shared/model/modules.ts";
import { bottleneckNames, type ServingFeatures } from "../../shared/model/serving-rewrite.ts";
import { DecodeSessions } from "./decode-sessions.ts";
import type { DeltaArena } from "./delta-arena.ts";
import { addProduct, changeHead, headChanges } from "./host-changes.ts";
import type { KvSlab } from "./kv-slab.ts";
import type { OrtModule } from "./ort-module.ts";
import { allocateTensor, type ResidentTensor } from "./resident-tensor.ts";
import type { RowVectors } from "./row-vectors.ts";
import { BARE, type BottleneckInput, commonInput, type RowDeltas } from "./serving-delta.ts";
import type { NamedTensors } from "./session.ts";
import type { WeightSet } from "./weight-set.ts";

/** One row of a decoding step. */
export interface DecodeRow {
  readonly token: number;
  /** The position of `token` in its row: how many came before it, prefix and virtual tokens among them. */
  readonly position: number;
}

/** A chunk of what comes before a row's first new token: virtual tokens of its deltas, then tokens. */
export interface PrefillChunk {
  readonly slot: number;
  /** How many positions of the row are in the cache already, the prefix among them. */
  readonly start: number;
  /** How many virtual tokens the chunk begins with. */
  readonly virtual: number;
  readonly tokens: readonly number[];
}

export interface DecoderParts {
  readonly slab: KvSlab;
  readonly arena: DeltaArena;
  readonly vectors: RowVectors;
}

/**
 * Runs the decode graph over the resident weights, the key/value slab and the deltas of every slot. Nothing is copied but the
 * embeddings in and the logits out; the handles of every batch size are made once and kept.
 */
export class Decoder {
  readonly #config: ModelConfig;
  readonly #parts: DecoderParts;
  readonly #sessions: DecodeSessions;
  readonly #logits: ResidentTensor<"f32">;
  readonly #final: ResidentTensor<"f32">;
  readonly #last: ResidentTensor<"i32">;
  readonly #embedded: ResidentTensor<"f32">;
  readonly #longest: ResidentTensor<"i32">;
  readonly #handles = new Map<string, ResidentTensor>();
  /** Inputs that a graph has only where columns take in different things. */
  readonly #inputFlags: ReadonlySet<string>;
  /** By slot. */
  #rows: readonly RowDeltas[] = [];

  constructor(ort: OrtModule, config: ModelConfig, parts: DecoderParts, { chunk }: { chunk: number }) {
    const { slots, capacity } = parts.slab;
    this.#config = config;
    this.#parts = parts;
    this.#inputFlags = new Set(
      blockPaths(config).flatMap((path) => {
        const { fromOutput, fromStream } = bottleneckNames(path);
        return [fromOutput, fromStream];
      }),
    );
    this.#sessions = new DecodeSessions(ort, config, capacity);
    this.#logits = allocateTensor(ort, "f32", [slots, config.vocabSize]);
    this.#final = allocateTensor(ort, "f32", [slots, config.hiddenSize]);
    this.#last = allocateTensor(ort, "i32", [slots]);
    this.#embedded = allocateTensor(ort, "f32", [Math.max(slots, chunk), config.hiddenSize]);
    this.#longest = allocateTensor(ort, "i32", []);
  }

  get vocabularySize(): number {
    return this.#config.vocabSize;
  }

  /**
   * Says which deltas the row in each slot has, in slot order; slots beyond have none, and nothing stays of what they had.
   * Key/value caches are left alone. Throws `capacity_exceeded` when the arena does not hold the deltas.
   */
  arrange(rows: readonly RowDeltas[]): void {
    this.#parts.arena.arrange(rows);
    this.#parts.vectors.arrange(rows);
    this.#rows = rows;
  }

  /**
   * Decodes the rows in slots `first` … `first + rows.length − 1`. Gives their logits [rows, V], a view that the next run
   * overwrites. Writes each row's key and value at its position.
   */
  decode(weights: WeightSet, first: number, rows: readonly DecodeRow[]): Float32Array {
    const last = this.#last.view();
    rows.forEach((row, i) => {
      this.#embed(weights, { at: i, slot: first + i, token: row.token });
      last[i] = row.position;
    });
    const longest = 1 + Math.max(...rows.map(({ position }) => position));
    return this.#run(weights, { first, count: rows.length, length: 1, longest });
  }

  /**
   * Appends a chunk to one row's cache. Gives the logits [V] of its last position, a view that the next run overwrites. A
   * row's prefix must be in the slab before its first chunk.
   */
  prefill(weights: WeightSet, { slot, start, virtual, tokens }: PrefillChunk): Float32Array {
    const { nonColumnParts, prefixTokens } = this.#row(slot);
    const width = this.#config.hiddenSize;
    if (nonColumnParts.prompt !== undefined && virtual > 0) {
      const from = start - prefixTokens;
      this.#embedded.view().set(nonColumnParts.prompt.data.subarray(from * width, (from + virtual) * width));
    }
    for (const [i, token] of tokens.entries()) this.#embed(weights, { at: virtual + i, slot, token });
    const length = virtual + tokens.length;
    const end = start + length;
    this.#last.view()[0] = end - 1;
    return this.#run(weights, { first: slot, count: 1, length, longest: end });
  }

  #row(slot: number): RowDeltas {
    return this.#rows[slot] ?? BARE;
  }

  /** Writes a token's embedding, as its row has it, to place `at` of the run's input. */
  #embed(weights: WeightSet, { at, slot, token }: { at: number; slot: number; token: number }): void {
    const width = this.#config.hiddenSize;
    const target = this.#embedded.view().subarray(at * width, (at + 1) * width);
    target.set(weights.embedding(token));
    for (const { layers, weight } of this.#row(slot).outerLayers) {
      if (layers.embedding === undefined) continue;
      const { a, b } = layers.embedding;
      const rank = b.shape[0]!;
      addProduct(target, a.data.subarray(token * rank, (token + 1) * rank), { matrix: b, weight });
    }
  }

  #run(
    weights: WeightSet,
    { first, count, length, longest }: { first: number; count: number; length: number; longest: number },
  ): Float32Array {
    const { slab } = this.#parts;
    this.#longest.view()[0] = longest;
    const rows = Array.from({ length: count }, (_, i) => this.#row(first + i));
    const { session, features } = this.#sessions.for(this.#needed(rows));
    const cache = slab.window(first, count);
    const logits = this.#handle("logits", this.#logits, [count, this.#config.vocabSize]);
    const final = this.#handle("final", this.#final, [count, this.#config.hiddenSize]);
    const inputs: NamedTensors = {
      embedded: this.#handle("embedded", this.#embedded, [count, length, this.#config.hiddenSize]),
      last: this.#handle("last", this.#last, [count]),
      longest: this.#longest,
      ...weights.inputs,
      ...cache.past,
      ...this.#deltaInputs(features, first, count),
    };
    const heads = rows.map(({ outerLayers }) => headChanges(outerLayers));
    const hasHead = heads.some(({ length }) => length > 0);
    session.run(inputs, { logits, ...(hasHead ? { final } : {}), ...cache.present });
    const result = logits.view() as Float32Array;
    for (const [i, changes] of heads.entries()) {
      if (changes.length === 0) continue;
      const part = <T extends ResidentTensor>(tensor: T, width: number) =>
        (tensor.view() as Float32Array).subarray(i * width, (i + 1) * width);
      changeHead(part(logits, this.#config.vocabSize), part(final, this.#config.hiddenSize), changes);
    }
    return result;
  }

  #needed(rows: readonly RowDeltas[]): ServingFeatures {
    return {
      layout: this.#parts.arena.layout,
      factors: rows.some(({ columns }) => columns.factors > 0),
      vectors: rows.some(({ hasVectors }) => hasVectors),
      bottlenecks: commonInput(rows.map(({ bottleneckInput }) => bottleneckInput)),
    };
  }

  #deltaInputs({ factors, vectors, bottlenecks }: ServingFeatures, first: number, count: number): NamedTensors {
    const { arena, vectors: rowVectors } = this.#parts;
    return {
      ...(factors ? arena.window("factors", first, count) : {}),
      ...(vectors ? rowVectors.window("layers", first, count) : {}),
      ...(bottlenecks === "none" ? {} : this.#bottleneckInputs(bottlenecks, first, count)),
    };
  }

  #bottleneckInputs(bottleneckInput: BottleneckInput, first: number, count: number): NamedTensors {
    const { arena, vectors } = this.#parts;
    const all = { ...arena.window("bottlenecks", first, count), ...vectors.window("blocks", first, count) };
    if (bottleneckInput === "any") return all;
    return Object.fromEntries(Object.entries(all).filter(([name]) => !this.#inputFlags.has(name)));
  }

  /** A handle of that shape over the start of `tensor`. */
  #handle(name: string, tensor: ResidentTensor, shape: readonly number[]): ResidentTensor {
    const id = `${name}[${shape.join()}]`;
    const handle = this.#handles.get(id) ?? tensor.window(shape);
    this.#handles.set(id, handle);
    return handle;
  }
}
