import { closeSync, copyFileSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { narrowToBfloat16 } from "../../../shared/formats/half.ts";
import { startSafetensors } from "../../../shared/formats/safetensors.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { parameterCount, weightSpecs } from "../../../shared/model/modules.ts";
import { createRandom } from "../../../shared/random.ts";
import { elementCount } from "../../../shared/tensor.ts";

const EMBEDDED = join(import.meta.dirname, "../../../infra/base/model");

/** TinyLlama-1.1B's blocks, but fewer of them and a smaller vocabulary, so that weights take most of the memory. */
export function tinyLlamaBlocks(layers: number): Readonly<Record<string, number>> {
  return {
    vocab_size: 8192,
    hidden_size: 2048,
    intermediate_size: 5632,
    num_hidden_layers: layers,
    num_attention_heads: 32,
    num_key_value_heads: 4,
  };
}

const POOL = 1 << 20;

/**
 * Writes a Hugging Face folder of random bfloat16 weights with the embedded base's tokenizer, tensor by tensor, and returns the
 * number of parameters. The weights repeat a pool of 2²⁰ values, starting at a different place in each tensor; the measurements
 * do not depend on them.
 */
export function writeBaseFolder(folder: string, sizes: Readonly<Record<string, number>>, seed: number): number {
  const json = {
    model_type: "llama",
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    max_position_embeddings: 2048,
    tie_word_embeddings: true,
    dtype: "bfloat16",
    ...sizes,
  };
  const config = parseModelConfig(json);
  writeFileSync(join(folder, "config.json"), JSON.stringify(json));
  for (const name of ["tokenizer.json", "tokenizer_config.json", "generation_config.json"]) {
    copyFileSync(join(EMBEDDED, name), join(folder, name));
  }
  const specs = new Map(weightSpecs(config).map((spec) => [spec.name, spec]));
  const entries = [...specs].map(([name, { shape, transposed }]) => {
    return [name, { dtype: "BF16", shape: transposed ? shape.toReversed() : shape }] as const;
  });
  const { start, order } = startSafetensors(new Map(entries), { format: "pt" });
  const random = createRandom(seed, "weights");
  const pool = Float32Array.from({ length: 2 * POOL }, () => 0.02 * random.normal());
  const bits = narrowToBfloat16(pool);
  const file = openSync(join(folder, "model.safetensors"), "w");
  try {
    writeSync(file, start);
    for (const name of order) {
      const { shape } = specs.get(name)!;
      if (shape.length === 1) writeSync(file, narrowToBfloat16(new Float32Array(shape[0]!).fill(1)));
      else writeNumbers(file, elementCount(shape), bits.subarray(random.below(POOL)).subarray(0, POOL));
    }
  } finally {
    closeSync(file);
  }
  return parameterCount(config);
}

function writeNumbers(file: number, count: number, pool: Uint16Array): void {
  for (let left = count; left > 0; left -= pool.length) {
    const bytes = pool.subarray(0, Math.min(left, pool.length));
    for (let done = 0; done < bytes.byteLength; ) {
      done += writeSync(file, new Uint8Array(bytes.buffer, bytes.byteOffset + done, bytes.byteLength - done));
    }
  }
}
