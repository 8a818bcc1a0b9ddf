/** The embedded base, with its own or changed weights, continuing prompts greedily. */
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadModelFolder, type ModelFiles } from "../../../shared/model/model-folder.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { Generator } from "../../../trainer/eval/generator.ts";

/** Tokens of a continuation: the longest object has 11. */
const MAX_TOKENS = 12;
const SLOTS = 64;

export interface GreedyOptions {
  readonly files: ModelFiles;
  /** In place of the folder's; all of the folder's by default. */
  readonly weights?: ReadonlyMap<string, Tensor>;
}

/** The greedy text after each prompt, as long as an object of the corpus, without special tokens. */
export async function greedyTexts(
  executor: Executor,
  prompts: readonly string[],
  { files, weights }: GreedyOptions,
): Promise<string[]> {
  const folder = loadModelFolder(files);
  const { config, tokenizer } = folder;
  const stops = new Set(loadChatTemplate(tokenizer).stopIds);
  const tokens = prompts.map((prompt) => tokenizer.encode(prompt));
  const capacity = MAX_TOKENS + Math.max(...tokens.map(({ length }) => length));
  const frozen = weights ?? folder.weights;
  const generator = await Generator.create(executor, { config, frozen, slots: SLOTS, capacity });
  try {
    const generated = await generator.generate(
      tokens.map((ids) => ({ tokens: ids })),
      { maxTokens: MAX_TOKENS, temperature: 0, logprobs: false, isEnd: (token) => stops.has(token) },
    );
    return generated.map(([only]) => tokenizer.decode(only!.tokens, { skipSpecial: true }));
  } finally {
    await generator.dispose();
  }
}
