import { readFileSync } from "node:fs";
import { fromF32, writeSafetensors } from "../../shared/formats/safetensors.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { initialWeights } from "../../shared/model/init.ts";
import { weightsForFile } from "../../shared/model/weights.ts";
import { createRandom } from "../../shared/random.ts";

const golden = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../golden/tokenizer/hub/gpt2-like/${name}`, import.meta.url)));
const encode = (text: string) => new TextEncoder().encode(text);

const CONFIG = {
  model_type: "llama",
  vocab_size: 420,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 48,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  max_position_embeddings: 128,
  tie_word_embeddings: true,
  torch_dtype: "float16",
};

/** A random decoder of 27,000 weights with a chat tokenizer, as a Hugging Face folder. */
export function tinyModel(): Map<string, Uint8Array> {
  const config = parseModelConfig(CONFIG);
  const tensors = [...weightsForFile(config, initialWeights(config, 11))].map(
    ([name, { shape, data }]) => [name, { dtype: "F32", shape, bytes: fromF32(data, "F32") }] as const,
  );
  return new Map([
    ["config.json", encode(JSON.stringify(CONFIG))],
    ["generation_config.json", encode("{}")],
    ["model.safetensors", writeSafetensors(new Map(tensors), { format: "pt" })],
    ...["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"].map((name) => [name, golden(name)] as const),
  ]);
}

const WORDS = ["red", "green", "blue", "one", "two", "three", "up", "down"];

/** A conversation a line, each asking to repeat a few words, of differing lengths. */
export function tinyDataset(lines: number, seed = 1): string {
  const random = createRandom(seed, "tiny dataset");
  const words = () => Array.from({ length: 1 + random.below(4) }, () => WORDS[random.below(WORDS.length)]).join(" ");
  return Array.from({ length: lines }, () => {
    const content = words();
    const messages = [
      { role: "user", content },
      { role: "assistant", content },
    ];
    return `${JSON.stringify({ messages })}\n`;
  }).join("");
}
