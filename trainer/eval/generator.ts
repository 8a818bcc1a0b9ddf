import { TrimtabError } from "../../shared/errors.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { cacheNames, cacheWidth, decodeGraph } from "../../shared/model/decode-graph.ts";
import { EMBEDDING } from "../../shared/model/modules.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { f32, type Tensor, tensor, zeros } from "../../shared/tensor.ts";
import type { Executor, NamedTensors, Program } from "../engines/executor.ts";
import { takenBy } from "../engines/feeds.ts";

/** Continues token sequences greedily on a trainer's executor: for evaluation, where one row at a time is enough. */
export class Generator {
  readonly #program: Program;
  readonly #config: ModelConfig;
  readonly #embeddings: Float32Array;
  readonly #capacity: number;

  private constructor(
    program: Program,
    { config, weights }: { config: ModelConfig; weights: Weights },
    capacity: number,
  ) {
    this.#program = program;
    this.#config = config;
    this.#embeddings = weights.get(EMBEDDING)!.data;
    this.#capacity = capacity;
  }

  /** `capacity` bounds a prompt and its continuation together, in tokens. */
  static async create(
    executor: Executor,
    model: { config: ModelConfig; weights: Weights },
    capacity: number,
  ): Promise<Generator> {
    const graph = decodeGraph(model.config, { capacity });
    // A table of embeddings that is not the head as well is read here, not by the graph.
    const program = await executor.compile(graph, { bindings: takenBy(graph, model.weights) });
    return new Generator(program, model, capacity);
  }

  /**
   * The likeliest continuation of `prompt`, up to `maxTokens` tokens or the first that `isEnd` accepts, which is not part
   * of it. Throws `context_length_exceeded` when prompt and continuation do not fit the capacity.
   */
  async greedy(
    prompt: readonly number[],
    { maxTokens, isEnd }: { maxTokens: number; isEnd: (token: number) => boolean },
  ): Promise<{ tokens: number[]; ended: boolean }> {
    if (prompt.length + maxTokens > this.#capacity) {
      throw new TrimtabError(
        "context_length_exceeded",
        `${prompt.length} prompt tokens and ${maxTokens} more do not fit the generator's ${this.#capacity}`,
      );
    }
    const tokens: number[] = [];
    let cache: NamedTensors = this.#emptyCache();
    let fed = prompt;
    let length = prompt.length;
    while (tokens.length < maxTokens) {
      const { logits, ...present } = await this.#program.run({
        embedded: this.#embedded(fed),
        last: tensor("i32", [1], Int32Array.of(length - 1)),
        longest: tensor("i32", [], Int32Array.of(length)),
        ...cache,
      });
      const token = argmax(logits!.data as Float32Array);
      if (isEnd(token)) return { tokens, ended: true };
      tokens.push(token);
      fed = [token];
      length++;
      cache = this.#asPast(present);
    }
    return { tokens, ended: false };
  }

  async dispose(): Promise<void> {
    await this.#program.dispose();
  }

  /** [1, T, D] */
  #embedded(tokens: readonly number[]): Tensor {
    const width = this.#config.hiddenSize;
    const rows = new Float32Array(tokens.length * width);
    for (const [i, token] of tokens.entries()) {
      rows.set(this.#embeddings.subarray(token * width, (token + 1) * width), i * width);
    }
    return f32([1, tokens.length, width], rows);
  }

  #emptyCache(): Record<string, Tensor> {
    const { layers, kvHeads } = this.#config;
    const names = Array.from({ length: layers }, (_, layer) => cacheNames(layer));
    const empty = zeros([1, kvHeads, this.#capacity, cacheWidth(this.#config)]);
    return Object.fromEntries(names.flatMap(({ key, value }) => [key, value].map((name) => [name, empty])));
  }

  #asPast(present: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    const past: Record<string, Tensor> = {};
    for (let layer = 0; layer < this.#config.layers; layer++) {
      const names = cacheNames(layer);
      past[names.key] = present[names.nextKey]!;
      past[names.value] = present[names.nextValue]!;
    }
    return past;
  }
}

/** The likeliest token; the first of several. */
export function argmax(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token]! > logits[best]!) best = token;
  return best;
}
