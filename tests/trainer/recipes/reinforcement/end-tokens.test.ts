import { describe, expect, it } from "vitest";
import { loadModelFolder } from "../../../../shared/model/model-folder.ts";
import { endTokens } from "../../../../trainer/recipes/reinforcement/end-tokens.ts";
import { tinyModel } from "../../tiny-model.ts";

const files = tinyModel();
const { tokenizer, config } = loadModelFolder(files);
const of = (changes: Readonly<Record<string, object>>, isChat = false) => {
  const bytes = Object.entries(changes).map(
    ([name, value]) => [name, new TextEncoder().encode(JSON.stringify(value))] as const,
  );
  return endTokens(new Map([...files, ...bytes]), { tokenizer, vocabSize: config.vocabSize, isChat });
};

describe("the tokens that end a reply", () => {
  it("are the tokenizer's, and those of the model's own files", () => {
    expect(of({})).toEqual(new Set([tokenizer.eosId, tokenizer.padId]));
    expect(of({ "generation_config.json": { eos_token_id: [7, 9] } })).toEqual(
      new Set([tokenizer.eosId, tokenizer.padId, 7, 9]),
    );
  });

  it("are those of the chat template besides, where prompts are chats", () => {
    for (const id of of({})) expect(of({}, true).has(id)).toBe(true);
  });

  it("do without a generation_config.json", () => {
    const without = new Map([...files].filter(([name]) => name !== "generation_config.json"));
    expect(endTokens(without, { tokenizer, vocabSize: config.vocabSize, isChat: false }).has(tokenizer.eosId)).toBe(
      true,
    );
  });
});
