import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { readGenerationConfig } from "../../../shared/model/generation-config.ts";
import { type ModelFiles, readModelJson } from "../../../shared/model/model-folder.ts";
import type { Tokenizer } from "../../../shared/model/tokenizer.ts";

/** The tokens at which the served model ends a text; those of the chat template count where prompts are chats. */
export function endTokens(
  files: ModelFiles,
  {
    tokenizer,
    vocabSize,
    isChat,
  }: { readonly tokenizer: Tokenizer; readonly vocabSize: number; readonly isChat: boolean },
): ReadonlySet<number> {
  const generation = files.has("generation_config.json") ? readModelJson(files, "generation_config.json") : undefined;
  const { endTokens: ofModel } = readGenerationConfig({
    ...{ generation, config: readModelJson(files, "config.json"), vocabSize },
  });
  const ofTemplate = isChat ? loadChatTemplate(tokenizer).stopIds : [];
  return new Set([tokenizer.eosId, tokenizer.padId, ...ofModel, ...ofTemplate]);
}
