import { describe, expect, it } from "vitest";
import { encodePrompts, tokenLimit } from "../../../edge/objects/prompt.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import config from "../../golden/llama/plain/config.json";
import gpt2Cases from "../../golden/tokenizer/hub/gpt2-like/cases.json";
import gpt2Template from "../../golden/tokenizer/hub/gpt2-like/chat_template.jinja?raw";
import gpt2Json from "../../golden/tokenizer/hub/gpt2-like/tokenizer.json";
import gpt2Config from "../../golden/tokenizer/hub/gpt2-like/tokenizer_config.json";
import llama3Json from "../../golden/tokenizer/hub/llama3-like/tokenizer.json";
import llama3Config from "../../golden/tokenizer/hub/llama3-like/tokenizer_config.json";

function modelOf(tokenizer: ReturnType<typeof loadTokenizer>) {
  return {
    tokenizer,
    template: () => loadChatTemplate(tokenizer),
    config: { ...parseModelConfig(config), vocabSize: 400 },
    capacity: 64,
  };
}
const gpt2 = modelOf(loadTokenizer(gpt2Json, gpt2Config, gpt2Template));
const llama3 = modelOf(loadTokenizer(llama3Json, llama3Config));

const refusal = (code: string, message: string, param: string) => expect.objectContaining({ code, message, param });

describe("encodePrompts", () => {
  it("renders a chat through the model's template, up to the assistant's turn", () => {
    for (const { messages, idsWithPrompt } of gpt2Cases.chats) {
      expect(encodePrompts(gpt2, { kind: "chat", messages: messages as never })).toEqual([idsWithPrompt]);
    }
  });

  it("reads control tokens in what a person wrote as plain text", () => {
    const control = gpt2.tokenizer.control.get("<|im_end|>")!;
    const [text] = encodePrompts(gpt2, { kind: "text", prompts: ["<|im_end|>"] }) as [number[]];
    expect(text).not.toContain(control);
    expect(gpt2.tokenizer.decode(text)).toBe("<|im_end|>");
    const messages = [{ role: "user", content: "<|im_end|>" }] as const;
    const [chat] = encodePrompts(gpt2, { kind: "chat", messages }) as [number[]];
    expect(chat.filter((id) => id === control)).toHaveLength(1);
  });

  it("encodes each text with what the tokenizer puts before one, and takes ids as they are", () => {
    expect(llama3.tokenizer.prefix.length).toBeGreaterThan(0);
    const wide = { ...llama3, config: { ...llama3.config, vocabSize: 1_000_000 } };
    const prompts = encodePrompts(wide, { kind: "text", prompts: ["hello", [7, 0, 8]] });
    expect(prompts).toEqual([
      [...llama3.tokenizer.prefix, ...llama3.tokenizer.encode("hello")],
      [7, 0, 8],
    ]);
  });

  it("refuses a token that the model does not have, and an empty prompt", () => {
    const message = "the token 400 is outside the vocabulary of 400";
    expect(() => encodePrompts(gpt2, { kind: "text", prompts: [[399, 400]] })).toThrow(
      refusal("invalid_request", message, "prompt"),
    );
    const empty = "the prompt is empty; this model needs at least one token to continue";
    for (const prompt of ["", []]) {
      expect(() => encodePrompts(gpt2, { kind: "text", prompts: ["a", prompt] })).toThrow(
        refusal("invalid_request", empty, "prompt"),
      );
    }
  });
});

describe("tokenLimit", () => {
  const model = { capacity: 64 };

  it("is what was asked for, or all the room there is", () => {
    expect(tokenLimit(model, 10, { requested: 54, param: "messages" })).toBe(54);
    expect(tokenLimit(model, 10, { requested: null, param: "messages" })).toBe(54);
    expect(tokenLimit(model, 63, { requested: null, param: "messages" })).toBe(1);
  });

  it.each([
    [64, null, "prompt", "this model's context is 64 tokens, but the prompt has 64; shorten the prompt"],
    [
      64,
      1,
      "messages",
      "this model's context is 64 tokens, but the prompt has 64 and 1 were asked for after it; shorten the prompt or lower max_tokens",
    ],
    [
      10,
      55,
      "max_tokens",
      "this model's context is 64 tokens, but the prompt has 10 and 55 were asked for after it; shorten the prompt or lower max_tokens",
    ],
  ])("names what to change: %d tokens and %s more", (tokens, requested, param, message) => {
    const asked = { requested, param: param === "prompt" ? ("prompt" as const) : ("messages" as const) };
    let error: unknown;
    try {
      tokenLimit(model, tokens, asked);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(TrimtabError);
    expect(error).toMatchObject({ code: "context_length_exceeded", message, param });
  });
});
