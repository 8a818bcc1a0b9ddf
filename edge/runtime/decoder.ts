import { TrimtabError } from "../../shared/errors.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { exitOutput, exitTap, tapOutput } from "../../shared/model/decode-graph.ts";
import { blockPaths } from "../../shared/model/modules.ts";
import { bottleneckNames, type ServingFeatures } from "../../shared/model/serving-rewrite.ts";
import { tapWidth } from "../../shared/model/taps.ts";
import { CandidateInputs } from "./candidate-inputs.ts";
import { DecodeSessions, NO_READS, type RunReads } from "./decode-sessions.ts";
import type { DeltaArena } from "./delta-arena.ts";
import { embedToken } from "./embed-token.ts";
import { changeHead, headChanges } from "./host-changes.ts";
import type { KvSlab } from "./kv-slab.ts";
import type { OrtModule } from "./ort-module.ts";
import { Perturber } from "./perturber.ts";
import { allocateTensor, type ResidentTensor } from "./resident-tensor.ts";
import type { RowVectors } from "./row-vectors.ts";
import { BARE, type BottleneckInput, commonInput, type RowDeltas } from "./serving-delta.ts";
import type { NamedTensors } from "./session.ts";
import type { WeightSet } from "./weight-set.ts";

/** The most rows that are multiplied on their own, and the numbers of the largest matrix for which that was found to pay. */
const ROWS_APART = 16;
const MATRIX_APART = 1 << 22;

/** Where the results of a chunk's every position begin: the first is that of its last position by itself. */
const EACH = 1;

/** One row of a decoding step. */
export interface DecodeRow {
  readonly token: number;
  /** The position of `token` in its row: how many came before it, prefix and virtual tokens among them. */
  readonly position: number;
}

/** A chunk of a row's prompt: virtual tokens of its deltas, then tokens. */
export interface PrefillChunk {
  readonly slot: number;
  /** How many positions of the row are in the cache already, the prefix among them. */
  readonly start: number;
  /** How many virtual tokens the chunk begins with. */
  readonly virtual: number;
  readonly tokens: readonly number[];
}

/** A row whose prompt is in the cache, and tokens that might come next. */
export interface ProbedRow {
  readonly slot: number;
  /** Where the next token goes: how many positions of the row are in the cache. */
  readonly position: number;
  /** Any number of them. */
  readonly tokens: readonly number[];
}

/** The result of decoding a token as the next one of a row. */
export interface Candidate {
  readonly index: number;
  readonly token: number;
  /** [V]: of the token after it. A view that the next run overwrites. */
  readonly logits: Float32Array;
  /** [D]: the head's input. A view that the next run overwrites. */
  readonly final: Float32Array;
}

export interface DecoderParts {
  readonly slab: KvSlab;
  readonly arena: DeltaArena;
  readonly vectors: RowVectors;
}

interface Run {
  /** Slots of the run. */
  readonly first: number;
  readonly count: number;
  /** Tokens of each row. */
  readonly length: number;
  readonly longest: number;
  /** Of a probe. */
  readonly candidates?: NamedTensors;
  /** Whether a chunk gives the logits of every position. */
  readonly each?: boolean;
  readonly reads: RunReads;
}

/**
 * Runs the decode graph over the resident weights, the key/value slab and the deltas of every slot. Copies only the
 * embeddings in; results are read in place. Creates the handles of every batch size once and keeps them.
 */
export class Decoder {
  readonly perturber: Perturber;
  readonly #config: ModelConfig;
  readonly #parts: DecoderParts;
  readonly #sessions: DecodeSessions;
  readonly #logits: ResidentTensor<"f32">;
  readonly #final: ResidentTensor<"f32">;
  readonly #last: ResidentTensor<"i32">;
  readonly #embedded: ResidentTensor<"f32">;
  readonly #longest: ResidentTensor<"i32">;
  readonly #candidates: CandidateInputs;
  /** Tokens that fit in one run of one row. */
  readonly #chunk: number;
  /** Tokens that fit in one run. */
  readonly #most: number;
  readonly #handles = new Map<string, ResidentTensor>();
  /** What runs read besides logits and the head's input, by output, allocated when a run first reads it. */
  readonly #reads = new Map<string, ResidentTensor>();
  readonly #ort: OrtModule;
  /** Inputs that a graph has only if its columns read different values. */
  readonly #inputFlags: ReadonlySet<string>;
  /** By slot. */
  #rows: readonly RowDeltas[] = [];
  /** The number of rows or candidates in the last run, and the tokens of each. */
  #results = 0;
  #length = 1;

  constructor(ort: OrtModule, config: ModelConfig, parts: DecoderParts, { chunk }: { chunk: number }) {
    const { slots, capacity } = parts.slab;
    this.#ort = ort;
    this.#config = config;
    this.#parts = parts;
    this.#inputFlags = new Set(
      blockPaths(config).flatMap((path) => {
        const { fromOutput, fromStream } = bottleneckNames(path);
        return [fromOutput, fromStream];
      }),
    );
    this.#sessions = new DecodeSessions(ort, config, capacity);
    const most = Math.max(slots, chunk);
    this.#most = most;
    const results = Math.max(slots, EACH + chunk);
    this.#logits = allocateTensor(ort, "f32", [results, config.vocabSize]);
    this.#final = allocateTensor(ort, "f32", [results, config.hiddenSize]);
    this.#last = allocateTensor(ort, "i32", [slots]);
    this.#embedded = allocateTensor(ort, "f32", [most, config.hiddenSize]);
    this.#longest = allocateTensor(ort, "i32", []);
    this.#candidates = new CandidateInputs(ort, { most: chunk, capacity });
    this.#chunk = chunk;
    this.perturber = new Perturber(ort, config, parts.slab);
  }

  get vocabularySize(): number {
    return this.#config.vocabSize;
  }

  /** The number of graphs compiled so far. */
  get sessionsMade(): number {
    return this.#sessions.made;
  }

  /**
   * Sets the deltas of the row in each slot, in slot order, and erases those of all further slots. Leaves key/value
   * caches alone. Throws `capacity_exceeded` when the arena does not hold the deltas.
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
  decode(weights: WeightSet, first: number, rows: readonly DecodeRow[], reads: RunReads = NO_READS): Float32Array {
    const last = this.#last.view();
    rows.forEach((row, i) => {
      this.#embed(weights, { at: i, slot: first + i, token: row.token });
      last[i] = row.position;
    });
    const longest = 1 + Math.max(...rows.map(({ position }) => position));
    return this.#run(weights, { first, count: rows.length, length: 1, longest, reads });
  }

  /**
   * Appends a chunk to one row's cache. Gives the logits [V] of its last position, a view that the next run overwrites. A
   * row's prefix must be in the slab before its first chunk.
   */
  prefill(
    weights: WeightSet,
    { slot, start, virtual, tokens }: PrefillChunk,
    reads: RunReads = NO_READS,
  ): Float32Array {
    const length = this.#embedChunk(weights, { slot, start, virtual, tokens });
    return this.#run(weights, { first: slot, count: 1, length, longest: start + length, reads });
  }

  /**
   * `prefill`, to the last bit, and in `each` the logits of every position of the chunk, to rounding: [length, V]. Both are views
   * that the next run overwrites.
   */
  prefillEach(
    weights: WeightSet,
    chunk: PrefillChunk,
    reads: RunReads = NO_READS,
  ): { readonly logits: Float32Array; readonly each: Float32Array } {
    const { slot, start } = chunk;
    const length = this.#embedChunk(weights, chunk);
    const logits = this.#run(weights, { first: slot, count: 1, length, longest: start + length, each: true, reads });
    const { vocabSize, hiddenSize } = this.#config;
    const changes = headChanges(this.#row(slot).outerLayers);
    for (let i = 0; i < length && changes.length > 0; i++) {
      changeHead(
        this.#result(this.#logits, EACH + i, vocabSize),
        this.#result(this.#final, EACH + i, hiddenSize),
        changes,
      );
    }
    return { logits, each: this.#logits.view().subarray(EACH * vocabSize, (EACH + length) * vocabSize) };
  }

  /** Writes the chunk to the run's input. Gives how many positions it has. */
  #embedChunk(weights: WeightSet, { slot, start, virtual, tokens }: PrefillChunk): number {
    const { nonColumnParts, prefixTokens } = this.#row(slot);
    const width = this.#config.hiddenSize;
    if (nonColumnParts.prompt !== undefined && virtual > 0) {
      const from = start - prefixTokens;
      this.#embedded.view().set(nonColumnParts.prompt.data.subarray(from * width, (from + virtual) * width));
    }
    for (const [i, token] of tokens.entries()) this.#embed(weights, { at: virtual + i, slot, token });
    const length = virtual + tokens.length;
    this.#last.view()[0] = start + length - 1;
    return length;
  }

  /**
   * The hidden state [D] after the last norm, from which the head computed the logits: of row i of the last `decode`, or of the
   * last position of the last `prefill` for i = 0. A view that the next run overwrites. Throws `internal_error` for a row that was
   * not in that run.
   */
  final(i = 0): Float32Array {
    if (i < 0 || i >= this.#results) {
      throw new TrimtabError(
        "internal_error",
        `the last run had ${this.#results} rows: there is no final state of row ${i}`,
      );
    }
    return this.#result(this.#final, i, this.#config.hiddenSize);
  }

  /** Takes the memory for what runs may read. Throws `capacity_exceeded` where the heap has no room for it. */
  reserve(reads: RunReads): void {
    this.#readOutputs(withStreams(reads), 1, 1);
  }

  /**
   * A tap [width] of the last run, which must have read it: of row i of a `decode`, or of position i of a `prefill`'s chunk,
   * virtual tokens included. A view like `final`.
   */
  tap(name: string, i = 0): Float32Array {
    return this.#read(tapOutput(name), i, { width: tapWidth(this.#config, name), count: this.#results * this.#length });
  }

  /** The head's logits [V] after that layer for row i of the last run, which must have read them. A view like `final`. */
  exit(layer: number, i = 0): Float32Array {
    return this.#read(exitOutput(layer), i, { width: this.#config.vocabSize, count: this.#results });
  }

  /**
   * Calls `visit` for each token, in order, with what decoding it as the row's next token would give, to rounding. The row
   * stays as it is: decoding it afterwards gives the same bits as without the probe.
   *
   * Candidates run beside each other as one chunk of the row, at places of its cache behind `position`, which are
   * cleared afterwards; more than a chunk of them, or than the row has places for, run in groups. `visit` must not use
   * the decoder. Throws `context_length_exceeded` if the row is full.
   */
  probe(weights: WeightSet, { slot, position, tokens }: ProbedRow, visit: (candidate: Candidate) => void): void {
    const { slab } = this.#parts;
    const size = Math.min(this.#chunk, slab.capacity - position);
    if (size < 1) {
      throw new TrimtabError(
        "context_length_exceeded",
        `the row is full: its next token would be at position ${position}, but it holds ${slab.capacity}`,
      );
    }
    const { vocabSize, hiddenSize } = this.#config;
    for (let from = 0; from < tokens.length; from += size) {
      const group = tokens.slice(from, from + size);
      const end = position + group.length;
      for (const [at, token] of group.entries()) this.#embed(weights, { at, slot, token });
      this.#last.view()[0] = end - 1;
      try {
        this.#candidates.with(group.length, position, (candidates) => {
          this.#run(weights, {
            first: slot,
            count: 1,
            length: group.length,
            longest: end,
            candidates,
            reads: NO_READS,
          });
        });
      } finally {
        slab.clear(slot, { from: position, to: end });
      }
      for (const [i, token] of group.entries()) {
        const logits = this.#result(this.#logits, i, vocabSize);
        const final = this.#result(this.#final, i, hiddenSize);
        visit({ index: from + i, token, logits, final });
      }
    }
  }

  #row(slot: number): RowDeltas {
    return this.#rows[slot] ?? BARE;
  }

  /** Writes a token's embedding, as its row has it, to place `at` of the run's input. */
  #embed(weights: WeightSet, { at, slot, token }: { at: number; slot: number; token: number }): void {
    const width = this.#config.hiddenSize;
    const target = this.#embedded.view().subarray(at * width, (at + 1) * width);
    embedToken(target, { token, weights, deltas: this.#row(slot) });
  }

  /** Gives the logits of every row, or of every candidate. */
  #run(weights: WeightSet, { first, count, length, longest, candidates, each = false, reads }: Run): Float32Array {
    const { vocabSize, hiddenSize } = this.#config;
    this.#results = 0;
    this.#longest.view()[0] = longest;
    const rows = Array.from({ length: count }, (_, i) => this.#row(first + i));
    const apart = count > 1 && count <= ROWS_APART && weights.largestMatrix <= MATRIX_APART;
    const step = each ? "each" : apart ? "apart" : "step";
    const wanted = candidates === undefined ? step : "probe";
    const all = withStreams(reads);
    const { session, kind, features } = this.#sessions.for(this.#needed(rows), wanted, all);
    const cache = this.#parts.slab.window(first, count);
    const given = candidates === undefined ? [count] : [count, length];
    const logits = this.#handle("logits", this.#logits, [...given, vocabSize]);
    const final = this.#handle("final", this.#final, [...given, hiddenSize]);
    const inputs: NamedTensors = {
      embedded: this.#handle("embedded", this.#embedded, [count, length, hiddenSize]),
      last: this.#handle("last", this.#last, [count]),
      longest: this.#longest,
      ...candidates,
      ...(kind === "apart" ? weights.inputsApart : weights.inputs),
      ...cache.past,
      ...this.#deltaInputs(features, first, count),
    };
    const outputs = { logits, final, ...(each ? this.#eachOutputs(length) : {}) };
    session.run(inputs, { ...outputs, ...this.#readOutputs(all, count, length), ...cache.present });
    this.#results = candidates === undefined ? count : length;
    this.#length = candidates === undefined ? length : 1;
    const changes = rows.map(({ outerLayers }) => headChanges(outerLayers));
    for (let i = 0; i < this.#results; i++) {
      const ofRow = changes[candidates === undefined ? i : 0]!;
      if (ofRow.length === 0) continue;
      changeHead(this.#result(this.#logits, i, vocabSize), this.final(i), ofRow);
      const last = (i + 1) * this.#length - 1;
      for (const layer of reads.exits) changeHead(this.exit(layer, i), this.tap(exitTap(layer), last), ofRow);
    }
    return logits.view() as Float32Array;
  }

  /** Where a chunk writes the head's input and the logits of every position: behind those of its last one. */
  #eachOutputs(length: number): NamedTensors {
    const { vocabSize, hiddenSize } = this.#config;
    return {
      each: this.#handle("each", this.#logits, [1, length, vocabSize], EACH * vocabSize),
      finals: this.#handle("finals", this.#final, [1, length, hiddenSize], EACH * hiddenSize),
    };
  }

  /** Where a run of `count` rows of `length` tokens writes what it reads besides logits and the head's input. */
  #readOutputs({ taps, exits }: RunReads, count: number, length: number): NamedTensors {
    const { vocabSize } = this.#config;
    const ofTaps = taps.map((tap) => {
      const width = tapWidth(this.#config, tap);
      return { name: tapOutput(tap), rows: this.#most, width, shape: [count, length, width] };
    });
    const ofExits = exits.map((layer) => {
      return { name: exitOutput(layer), rows: this.#parts.slab.slots, width: vocabSize, shape: [count, vocabSize] };
    });
    return Object.fromEntries(
      [...ofTaps, ...ofExits].map(({ name, rows, width, shape }) => {
        const tensor = this.#reads.get(name) ?? allocateTensor(this.#ort, "f32", [rows, width]);
        this.#reads.set(name, tensor);
        return [name, this.#handle(name, tensor, shape)];
      }),
    );
  }

  #read(name: string, i: number, { width, count }: { readonly width: number; readonly count: number }): Float32Array {
    const tensor = this.#reads.get(name);
    if (tensor !== undefined && i >= 0 && i < count) return this.#result(tensor as ResidentTensor<"f32">, i, width);
    throw new TrimtabError("internal_error", `the last run did not read ${name} at ${i}`);
  }

  /** The last run's result for row or candidate i, in place. */
  #result(tensor: ResidentTensor<"f32">, i: number, width: number): Float32Array {
    return tensor.view().subarray(i * width, (i + 1) * width);
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

  /** A handle of that shape over `tensor`, from element `first` on, which is the same for all of that name. */
  #handle(name: string, tensor: ResidentTensor, shape: readonly number[], first = 0): ResidentTensor {
    const id = `${name}[${shape.join()}]`;
    const handle = this.#handles.get(id) ?? tensor.window(shape, first);
    this.#handles.set(id, handle);
    return handle;
  }
}

/** An exit goes through the row's own changes to the head, which read the stream that it leaves from. */
function withStreams({ taps, exits }: RunReads): RunReads {
  return { exits, taps: [...new Set([...taps, ...exits.map(exitTap)])] };
}
