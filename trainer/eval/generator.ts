import { TrimtabError } from "../../shared/errors.ts";
import type { Graph } from "../../shared/graph/graph.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { Executor, NamedTensors, Program } from "../engines/executor.ts";
import { takenBy } from "../engines/feeds.ts";
import { Batch, type Generated, type Row, type SamplingOptions } from "./batch.ts";
import { generationGraph, prefixGraph, startsAt } from "./generation-graph.ts";
import { LayerCaches } from "./layer-caches.ts";
import { SampleQueue, type Starting } from "./sample-queue.ts";
import { StagedProgram } from "./staged-program.ts";
import { decodeFeeds, paddedLength, prefillFeeds } from "./step-feeds.ts";

export interface GeneratorOptions {
  readonly config: ModelConfig;
  /** The graph's inputs besides the method's parameters: the weights, or the method's replacements for them. */
  readonly frozen: ReadonlyMap<string, Tensor>;
  /** Absent for the bare model. */
  readonly method?: AttachedMethod;
  /** How many rows can be decoded together. */
  readonly slots: number;
  /**
   * The longest sequence in positions, counting prefix, virtual tokens, prompt and continuation. Memory is allocated as needed.
   * Log-probabilities are the bits that a training graph gives for the same text alone in a row, if its rows and the prefix
   * have as many positions.
   */
  readonly capacity: number;
  /**
   * What logits are divided by before anything else; 1 by default. With it, draws at temperature 1 and their log-probabilities
   * are those of a policy at this temperature, which a loss takes by multiplying logits by its reciprocal.
   */
  readonly temperature?: number;
}

export interface Prompt {
  /** At least one token, without placeholders for virtual tokens. */
  readonly tokens: readonly number[];
  /** How many continuations; 1 by default. */
  readonly samples?: number;
}

export interface GenerationSettings extends SamplingOptions {
  /** Awaited after every step. Its errors end the generation and are rethrown. */
  readonly yieldToEventLoop?: () => Promise<void>;
}

const NO_METHOD: AttachedMethod = {
  parameters: [],
  initial: new Map(),
  startsAsBase: true,
  randomInputs: () => [],
};

/** The most tokens to prefill at once: of one row, and of several rows including their padding. */
const PREFILL_ROW = 512;
const PREFILL_BATCH = 2_048;

interface Parts {
  /** For one token of every row, and for several of some rows. */
  readonly program: StagedProgram;
  readonly prefill: StagedProgram;
  /** Computes the method's prefix; absent if it has none. */
  readonly prefix?: { readonly graph: Graph; readonly program: Program };
  readonly newCaches: () => Promise<LayerCaches>;
}

/**
 * Continues token sequences on a trainer's executor, many at a time: rows that end make room for waiting ones, and all samples
 * of a prompt share its prefill. Generates with the current parameters of any method, without recompiling.
 *
 * The same prompts, settings and parameters give the same tokens whatever the number of slots, and on onnxruntime a token's
 * log-probability is the same bits as the loss's own; how, and what it costs, is in infra/adr/generation-beside-training.md.
 */
export class Generator {
  readonly #options: Required<GeneratorOptions>;
  readonly #parts: Parts;
  /** One more slot than rows: the last one keeps a prompt whose samples have not all started. */
  #caches: LayerCaches;
  #values: ReadonlyMap<string, Tensor>;

  private constructor(options: Required<GeneratorOptions>, parts: Parts, caches: LayerCaches) {
    this.#options = options;
    this.#parts = parts;
    this.#caches = caches;
    this.#values = options.method.initial;
  }

  /** Compiles the graphs and starts with the method's first values. */
  static async create(executor: Executor, given: GeneratorOptions): Promise<Generator> {
    const options = { method: NO_METHOD, temperature: 1, ...given };
    const { config, method, frozen, slots, capacity, temperature } = options;
    const compile = (prefill: boolean) => {
      const graph = generationGraph({ config, method, capacity, temperature, prefill });
      return StagedProgram.compile(executor, graph, { bindings: frozen, startsAt });
    };
    const parts: Parts = {
      ...{ program: await compile(false), prefill: await compile(true) },
      ...((method.prefixTokens ?? 0) === 0 ? {} : { prefix: await compilePrefix(executor, options) }),
      newCaches: () => LayerCaches.create(executor, config, { slots: Math.max(2, slots) + 1, limit: capacity }),
    };
    const generator = new Generator(options, parts, await parts.newCaches());
    await generator.use(method.initial);
    return generator;
  }

  /** Generates with these values of the method's parameters from now on. They are kept, not copied. */
  async use(values: ReadonlyMap<string, Tensor>): Promise<void> {
    const { method } = this.#options;
    const { program, prefill, prefix } = this.#parts;
    const caches = this.#caches;
    this.#values = values;
    for (const one of [program, prefill]) await one.hold(values);
    if (prefix === undefined) return;
    await caches.reserve(method.prefixTokens!);
    await prefix.program.run(Object.fromEntries(takenBy(prefix.graph, values)), caches.appends(0, [0]));
    for (let slot = 1; slot < caches.slots; slot++) await caches.copy(0, slot);
  }

  /**
   * The continuations of every prompt, in order, each up to `maxTokens` tokens or the first that `isEnd` accepts. One call at a
   * time. Throws `context_length_exceeded`, before generating anything, if a prompt and its continuation do not fit the
   * capacity, and `non_finite` if the model's logits are not finite.
   */
  async generate(prompts: readonly Prompt[], settings: GenerationSettings): Promise<Generated[][]> {
    for (const { tokens } of prompts) this.#checkRoom(tokens.length, settings.maxTokens);
    try {
      return await this.#generate(prompts, settings);
    } catch (error) {
      // Unseen cached positions are multiplied by 0, and 0 · NaN is NaN: a leftover NaN would spoil every later text.
      if (error instanceof TrimtabError && error.code === "non_finite") await this.#renewCaches();
      throw error;
    }
  }

  async dispose(): Promise<void> {
    const { program, prefill, prefix } = this.#parts;
    await Promise.all([program.dispose(), prefill.dispose(), prefix?.program.dispose(), this.#caches.dispose()]);
  }

  async #renewCaches(): Promise<void> {
    await this.#caches.dispose();
    this.#caches = await this.#parts.newCaches();
    await this.use(this.#values);
  }

  async #generate(prompts: readonly Prompt[], settings: GenerationSettings): Promise<Generated[][]> {
    const batch = new Batch(settings);
    const queue = new SampleQueue(prompts.map(({ samples = 1 }) => samples));
    const results = prompts.map((): Generated[] => []);
    /** The logits after the prompt kept in the last slot. */
    let kept: Float32Array | undefined;
    while (!queue.isEmpty || batch.rows.length > 0) {
      const starting = queue.take(this.#options.slots - batch.rows.length);
      if (starting.length > 0) kept = await this.#start(batch, starting, { prompts, kept });
      else batch.advance(await this.#decode(batch.rows));
      for (const { prompt, sample, result } of await batch.retire((from, to) => this.#caches.copy(from, to))) {
        results[prompt]![sample] = result;
      }
      await settings.yieldToEventLoop?.();
    }
    return results;
  }

  #checkRoom(length: number, maxTokens: number): void {
    const { capacity } = this.#options;
    if (length === 0) throw new TrimtabError("invalid_request", "a prompt must have one token or more");
    const learned = this.#prefixTokens + this.#virtualTokens;
    if (learned + length + maxTokens <= capacity) return;
    const before = learned === 0 ? "" : ` behind ${learned} learned positions`;
    throw new TrimtabError(
      "context_length_exceeded",
      `${length} prompt tokens${before} and ${maxTokens} more do not fit the generator's ${capacity}`,
    );
  }

  get #prefixTokens(): number {
    return this.#options.method.prefixTokens ?? 0;
  }

  get #virtualTokens(): number {
    return this.#options.method.virtualTokens ?? 0;
  }

  /**
   * Fills the slots after the batch's rows with the prompts of `starting`, each computed once, and draws the first token of
   * every sample. Returns the logits of the prompt that the last slot keeps from now on.
   */
  async #start(
    batch: Batch,
    starting: readonly Starting[],
    { prompts, kept }: { readonly prompts: readonly Prompt[]; readonly kept: Float32Array | undefined },
  ): Promise<Float32Array | undefined> {
    const caches = this.#caches;
    const keptSlot = caches.slots - 1;
    const place = (from: number, logits: Float32Array, prompt: number) => (sample: number) => {
      return { from, logits, prompt, sample };
    };
    const started = starting
      .filter(({ continued }) => continued)
      .flatMap(({ prompt, samples }) => samples.map(place(keptSlot, kept!, prompt)));
    const fresh = starting.filter(({ continued }) => !continued);
    const first = batch.rows.length + started.length;
    const logits = await this.#prefill(
      first,
      fresh.map(({ prompt }) => [...new Array<number>(this.#virtualTokens).fill(0), ...prompts[prompt]!.tokens]),
    );
    const places = fresh.map(({ prompt }, i) => place(first + i, logits[i]!, prompt));
    started.push(...fresh.map(({ samples }, i) => places[i]!(samples[0]!)));
    started.push(...fresh.flatMap(({ samples }, i) => samples.slice(1).map(places[i]!)));
    const before = batch.rows.length;
    for (const [i, { from }] of started.entries()) if (from !== before + i) await caches.copy(from, before + i);
    const unfinished = fresh.findIndex(({ continues }) => continues);
    if (unfinished >= 0) await caches.copy(first + unfinished, keptSlot);
    for (const { prompt, sample } of started) {
      const { tokens } = prompts[prompt]!;
      const length = this.#prefixTokens + this.#virtualTokens + tokens.length;
      batch.add({ prompt, sample, tokens, length });
    }
    batch.advance(
      started.map((one) => one.logits),
      before,
    );
    return unfinished >= 0 ? logits[unfinished]! : kept;
  }

  /** Writes sequences to the slots from `first` on; returns the logits [V] after each. */
  async #prefill(first: number, sequences: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const result: Float32Array[] = [];
    for (let at = 0; at < sequences.length; ) {
      let end = at + 1;
      const fits = (rows: readonly (readonly number[])[]) => {
        const padded = paddedLength(Math.max(...rows.map(({ length }) => length)));
        return padded <= PREFILL_ROW && padded * rows.length <= PREFILL_BATCH;
      };
      while (end < sequences.length && fits(sequences.slice(at, end + 1))) end += 1;
      result.push(...(await this.#prefillTogether(first + at, sequences.slice(at, end))));
      at = end;
    }
    return result;
  }

  /** The same in one run, or in several for a single sequence longer than `PREFILL_ROW`. */
  async #prefillTogether(first: number, rows: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const { prefill } = this.#parts;
    const caches = this.#caches;
    const prefixTokens = this.#prefixTokens;
    const longest = Math.max(...rows.map(({ length }) => length));
    let logits: Float32Array[] = [];
    for (let start = 0; start < longest; start += PREFILL_ROW) {
      const part = rows.map((ids) => ids.slice(start, start + PREFILL_ROW));
      const length = prefixTokens + start;
      const end = Math.min(length + paddedLength(Math.min(PREFILL_ROW, longest - start)), this.#options.capacity);
      await caches.reserve(end);
      const feeds = prefillFeeds(part, { start: length, end, capacity: caches.capacity, prefixTokens });
      const appends = caches.appends(
        first,
        rows.map(() => length),
      );
      const outputs = await prefill.run({ ...feeds, ...caches.feeds(first, rows.length) }, appends);
      logits = rowsOf(outputs, rows.length);
    }
    return logits;
  }

  /** Runs the last token of every row; returns the log-probabilities [V] of what may follow each. */
  async #decode(rows: readonly Row[]): Promise<Float32Array[]> {
    const { program } = this.#parts;
    const caches = this.#caches;
    // Kernels add up a single row's products in another order, so it is computed twice: the second slot is free.
    const computed = rows.length === 1 ? [rows[0]!, rows[0]!] : rows;
    const lengths = computed.map(({ length }) => length);
    await caches.reserve(Math.max(...lengths) + 1);
    const feeds = decodeFeeds(
      computed.map(({ state, length }) => ({ token: state.generated.at(-1)!, length })),
      { capacity: caches.capacity, prefixTokens: this.#prefixTokens },
    );
    const outputs = await program.run({ ...feeds, ...caches.feeds(0, computed.length) }, caches.appends(0, lengths));
    for (const row of rows) row.length += 1;
    return rowsOf(outputs, rows.length);
  }
}

/** The log-probabilities [V] of each of the first `count` rows, where [batch, picks, V] has those at the first pick. */
function rowsOf({ log_probabilities }: NamedTensors, count: number): Float32Array[] {
  const [, picks, vocabulary] = log_probabilities!.shape as [number, number, number];
  const data = log_probabilities!.data as Float32Array;
  return Array.from({ length: count }, (_, row) => {
    return data.subarray(row * picks * vocabulary, (row * picks + 1) * vocabulary);
  });
}

async function compilePrefix(executor: Executor, { config, method, frozen }: Required<GeneratorOptions>) {
  const graph = prefixGraph({ config, method });
  return { graph, program: await executor.compile(graph, { bindings: takenBy(graph, frozen) }) };
}
