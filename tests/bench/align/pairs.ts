import { chatProbes } from "../../../infra/base/evaluation/sets.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadModelFolder, type ModelFiles } from "../../../shared/model/model-folder.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { Generator } from "../../../trainer/eval/generator.ts";

const MAX_TOKENS = 96;
const CAPACITY = 512;

/** Held-out chats of the base up to where the reply begins, each as messages and as ids. */
export function chatPrompts(files: ModelFiles, count: number) {
  const template = loadChatTemplate(loadModelFolder(files).tokenizer);
  const chats = chatProbes(1).map(({ messages }) => ({
    messages,
    tokens: template.encodePrompt(messages.map((message) => ({ ...message }))),
  }));
  return chats.filter(({ tokens }) => tokens.length + MAX_TOKENS <= CAPACITY).slice(0, count);
}

/**
 * A preference file of the base's own replies, two to each prompt, of which one is called better: lengths are those that
 * the base writes.
 */
export async function preferenceFile(files: ModelFiles, executor: Executor, count: number): Promise<string> {
  const { config, weights, tokenizer } = loadModelFolder(files);
  const stops = new Set(loadChatTemplate(tokenizer).stopIds);
  const prompts = chatPrompts(files, count);
  const generator = await Generator.create(executor, { config, frozen: weights, slots: 32, capacity: CAPACITY });
  const replies = await generator.generate(
    prompts.map(({ tokens }) => ({ tokens, samples: 2 })),
    { maxTokens: MAX_TOKENS, temperature: 1, isEnd: (token) => stops.has(token), seed: 1, logprobs: false },
  );
  await generator.dispose();
  const lines = prompts.flatMap(({ messages }, i) => {
    const [better, worse] = replies[i]!.map(({ tokens, ended }) =>
      tokenizer.decode(ended ? tokens.slice(0, -1) : tokens, { skipSpecial: true }).trim(),
    );
    if (better === worse || better === "" || worse === "") return [];
    const reply = (content: string | undefined) => [{ role: "assistant", content }];
    return [{ input: { messages }, preferred_output: reply(better), non_preferred_output: reply(worse) }];
  });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}
