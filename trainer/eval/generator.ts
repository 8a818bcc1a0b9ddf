import { TrimtabError } from "../../shared/errors.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { cacheNames, cacheWidth, decodeGraph } from "../../shared/model/decode-graph.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { i64, type Tensor, tensor, zeros } from "../../shared/tensor.ts";
import type { Executor, NamedTensors, Program } from "../engines/executor.ts";

/** Continues token sequences greedily on a trainer's executor: for evaluation, where one row at a time is enough. */
export class Generator {
  readonly #program: Program;
  readonly #config: ModelConfig;
  readonly #capacity: number;

  private constructor(program: Program, config: ModelConfig, capacity: number) {
    this.#program = program;
    this.#config = config;
    this.#capacity = capacity;
  }

  /** `capacity` bounds a prompt and its continuation together, in tokens. */
  static async create(
    executor: Executor,
    model: { config: ModelConfig; weights: Weights },
    capacity: number,
  ): Promise<Generator> {
    const graph = decodeGraph(model.config, { capacity, deltas: "none" });
    return new Generator(await executor.compile(graph, { bindings: model.weights }), model.config, capacity);
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
        tokens: i64([1, fed.length], fed),
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

function argmax(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token]! > logits[best]!) best = token;
  return best;
}
