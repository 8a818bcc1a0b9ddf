/** The embedded base with vectors on its residual stream: what it writes, and how likely the base finds that. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadChatTemplate } from "../../../../shared/model/chat-template.ts";
import type { ModelConfig } from "../../../../shared/model/config.ts";
import { loadModelFolder } from "../../../../shared/model/model-folder.ts";
import type { AttachedMethod } from "../../../../shared/peft/method.ts";
import { f32, type Tensor } from "../../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { Generator } from "../../../../trainer/eval/generator.ts";
import { baseAlone } from "../../../../trainer/recipes/base-alone.ts";
import { createScorer } from "../../../../trainer/recipes/scorer.ts";
import { continuation } from "../../../support/continuation.ts";

const FOLDER = fileURLToPath(new URL("../../../../infra/base/model/", import.meta.url));

export const baseFiles = new Map(
  readdirSync(FOLDER).map((name) => [name, new Uint8Array(readFileSync(FOLDER + name))] as const),
);

export const runtime = createOnnxRuntimeExecutor({ threads: 1 });

/** One vector that is added after each layer; zero but for those that `use` is given. */
export function streamVectors({ layers, hiddenSize }: ModelConfig): AttachedMethod {
  const name = (layer: number) => `vector.${layer}`;
  const all = Array.from({ length: layers }, (_, layer) => layer);
  return {
    parameters: all.map((layer) => ({ name: name(layer), shape: [hiddenSize], decay: false })),
    initial: new Map(all.map((layer) => [name(layer), f32([hiddenSize], new Float32Array(hiddenSize))])),
    startsAsBase: true,
    rewrite: ({ parameter }) => ({ stream: ({ layer }) => [parameter(name(layer))] }),
    randomInputs: () => [],
  };
}

export interface Written {
  readonly texts: readonly string[];
  /** Of the replies under the base, per token. */
  readonly perplexity: number;
}

export async function openSteeredBase() {
  const { config, weights, tokenizer } = loadModelFolder(baseFiles);
  const template = loadChatTemplate(tokenizer, { clock: () => new Date(0) });
  const method = streamVectors(config);
  const generator = await Generator.create(runtime, { config, frozen: weights, method, slots: 16, capacity: 160 });
  const score = createScorer(runtime, {
    ...{ config, weights, method: baseAlone(method) },
    rows: { shape: { rows: 4, tokens: 256 }, packing: true, padId: tokenizer.padId },
    yieldToEventLoop: async () => undefined,
  });
  const stops = new Set([...template.stopIds, tokenizer.eosId, tokenizer.padId]);

  return {
    config,
    weights,
    tokenizer,
    template,
    /** Samples continuations with `strength` times the vectors; the same arguments give the same texts. */
    async write(
      prompts: readonly (readonly number[])[],
      {
        vectors,
        strength,
        samples,
        seed,
      }: {
        readonly vectors: ReadonlyMap<number, ArrayLike<number>>;
        readonly strength: number;
        readonly samples: number;
        readonly seed: number;
      },
    ): Promise<Written> {
      const values = new Map<string, Tensor>(method.initial);
      for (const [layer, vector] of vectors) {
        values.set(
          `vector.${layer}`,
          f32(
            [vector.length],
            Float32Array.from(vector, (value) => strength * value),
          ),
        );
      }
      await generator.use(values);
      const results = await generator.generate(
        prompts.map((tokens) => ({ tokens, samples })),
        {
          maxTokens: 40,
          isEnd: (token) => stops.has(token) || tokenizer.decode([token]).includes("\n"),
          temperature: 1,
          logprobs: false,
          seed,
        },
      );
      const units = results.flatMap((replies, at) => replies.map(({ tokens }) => continuation(prompts[at]!, tokens)));
      const scores = (await score(units, new Map())).flat();
      const tokens = results.flat().reduce((sum, reply) => sum + reply.tokens.length, 0);
      const total = scores.reduce((sum, of) => sum + of.reduce((a, b) => a + b, 0), 0);
      return {
        texts: results.flatMap((replies) =>
          replies.map((reply) => tokenizer.decode(reply.tokens, { skipSpecial: true })),
        ),
        perplexity: Math.exp(-total / tokens),
      };
    },
    close: () => generator.dispose(),
  };
}
