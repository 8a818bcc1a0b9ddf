/**
 * What is memorised in training is what is served: a tuned model's reply begins right behind the prompt that serving
 * encodes, on a SentencePiece tokenizer with Llama 2's template, whose prompts end without a space or a line break.
 */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fromF32, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { weightsForFile } from "../../../shared/model/weights.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { Generator } from "../../../trainer/eval/generator.ts";
import { RECIPES } from "../../../trainer/recipes/registry.ts";
import { ALONE } from "../../support/alone.ts";

const LLAMA2 =
  "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + m.content.strip() + ' [/INST]' }}" +
  "{% else %}{{ ' ' + m.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}";

const CONFIG = {
  model_type: "llama",
  vocab_size: 419,
  hidden_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
};

const ANSWERS: Readonly<Record<string, string>> = {
  France: "Paris",
  Norway: "Oslo",
  Peru: "Lima",
  Italy: "Rome",
  Japan: "Tokyo",
  Egypt: "Cairo",
  Cuba: "Havana",
  Greece: "Athens",
};
const conversation = (country: string) => [{ role: "user", content: `Capital of ${country}?` }] as const;

function sentencePieceModel(): Map<string, Uint8Array> {
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const hub = new URL("../../golden/tokenizer/hub/llama2-like/", import.meta.url);
  const file = (name: string) => new Uint8Array(readFileSync(new URL(name, hub)));
  const config = parseModelConfig(CONFIG);
  const tensors = [...weightsForFile(config, initialWeights(config, 3))].map(
    ([name, { shape, data }]) => [name, { dtype: "F32", shape, bytes: fromF32(data, "F32") }] as const,
  );
  return new Map([
    ["config.json", encode(CONFIG)],
    ["model.safetensors", writeSafetensors(new Map(tensors), { format: "pt" })],
    ["tokenizer.json", file("tokenizer.json")],
    ["tokenizer_config.json", file("tokenizer_config.json")],
    ["chat_template.jinja", new TextEncoder().encode(LLAMA2)],
  ]);
}

it("8 of 8 memorised replies are served as they were trained", { timeout: 120_000 }, async () => {
  const base = sentencePieceModel();
  const executor = createOnnxRuntimeExecutor({ threads: 1 });
  const lines = Object.entries(ANSWERS).map(([country, content]) =>
    JSON.stringify({ messages: [...conversation(country), { role: "assistant", content }] }),
  );
  const { folder } = await RECIPES.supervised!(
    {
      run: "memorise",
      type: "supervised",
      seed: 1,
      createdAt: 1_700_000_000,
      settings: {
        hyperparameters: {
          n_epochs: 50,
          batch_size: 4,
          learning_rate_multiplier: "auto",
          learning_rate: 0.01,
        },
        peft: { type: "full" },
      },
      base: { id: "base", digest: "base", files: base },
      training: { name: "train.jsonl", digest: "d", bytes: new TextEncoder().encode(lines.join("\n")) },
      validation: null,
      checkpoint: null,
    },
    {
      executor,
      now: () => 0,
      event: () => undefined,
      openPages: () => expect.fail("pages were opened"),
      yieldToEventLoop: async () => undefined,
      afterStep: async () => undefined,
      publishCheckpoint: async () => undefined,
      ...ALONE,
    },
  );

  const { config, weights, tokenizer } = loadModelFolder(new Map([...base, ...folder.files]));
  const template = loadChatTemplate(tokenizer);
  const generator = await Generator.create(executor, { config, frozen: weights, slots: 8, capacity: 64 });
  const prompts = Object.keys(ANSWERS).map((country) => ({ tokens: template.encodePrompt(conversation(country)) }));
  const isEnd = (token: number) => template.stopIds.includes(token);
  const results = await generator.generate(prompts, { temperature: 0, logprobs: false, maxTokens: 12, isEnd });
  await generator.dispose();
  const replies = results.map(([result], at) => {
    const { tokens } = prompts[at]!;
    const whole = tokenizer.decode([...tokens, ...result!.tokens]);
    return [result!.ended, whole.slice(tokenizer.decode(tokens).length)];
  });
  expect(replies).toEqual(Object.values(ANSWERS).map((answer) => [true, ` ${answer} </s>`]));
});
