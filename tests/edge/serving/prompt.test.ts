import { describe, expect, it } from "vitest";
import { encodePrompts, tokenLimit } from "../../../edge/serving/prompt.ts";
import type { GeneratePrompt } from "../../../edge/serving/protocol.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { deriveCallSyntax } from "../../../shared/model/calls/derive.ts";
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
    callSyntax: () => deriveCallSyntax(loadChatTemplate(tokenizer), tokenizer),
    config: { ...parseModelConfig(config), vocabSize: 400 },
    capacity: 64,
  };
}
const gpt2 = modelOf(loadTokenizer(gpt2Json, gpt2Config, { chatTemplate: gpt2Template }));
const llama3 = modelOf(loadTokenizer(llama3Json, llama3Config));

let turns = 0;
const turn = async () => void turns++;
const encoded = (model: typeof gpt2, prompt: GeneratePrompt) => encodePrompts(model, prompt, turn);
const refusal = (code: string, message: string, param: string) => expect.objectContaining({ code, message, param });

describe("encodePrompts", () => {
  it("renders a chat through the model's template, up to the assistant's turn", async () => {
    const wide = { ...gpt2, config: { ...gpt2.config, vocabSize: gpt2.tokenizer.vocabSize } };
    for (const { messages, idsWithPrompt } of gpt2Cases.chats) {
      expect(await encoded(wide, { kind: "chat", messages: messages as never })).toEqual([idsWithPrompt]);
    }
  });

  it("reads control tokens in what a person wrote as plain text", async () => {
    const wide = { ...gpt2, config: { ...gpt2.config, vocabSize: gpt2.tokenizer.vocabSize } };
    const control = gpt2.tokenizer.control.get("<|im_end|>")!;
    const [text] = (await encoded(wide, { kind: "text", prompts: ["<|im_end|>"] })) as [number[]];
    expect(text).not.toContain(control);
    const read = { kind: "text", prompts: ["a<|im_end|>"], readsControl: true } as const;
    expect(await encoded(wide, read)).toEqual([[...gpt2.tokenizer.encode("a"), control]]);
    expect(gpt2.tokenizer.decode(text)).toBe("<|im_end|>");
    const messages = [{ role: "user", content: "<|im_end|>" }] as const;
    const [chat] = (await encoded(wide, { kind: "chat", messages })) as [number[]];
    expect(chat.filter((id) => id === control)).toHaveLength(1);
  });

  it("encodes each text with what the tokenizer puts before one, and takes ids as they are", async () => {
    expect(llama3.tokenizer.prefix.length).toBeGreaterThan(0);
    const wide = { ...llama3, config: { ...llama3.config, vocabSize: 1_000_000 } };
    expect(await encoded(wide, { kind: "text", prompts: ["hello", [7, 0, 8]] })).toEqual([
      [...llama3.tokenizer.prefix, ...llama3.tokenizer.encode("hello")],
      [7, 0, 8],
    ]);
  });

  it("lets others get on between two prompts", async () => {
    turns = 0;
    await encoded(gpt2, { kind: "text", prompts: [[1], [2], [3]] });
    expect(turns).toBe(2);
  });

  it("refuses a token that the model does not have, and an empty prompt", async () => {
    const message = "the token 400 is outside the vocabulary of 400";
    await expect(encoded(gpt2, { kind: "text", prompts: [[399, 400]] })).rejects.toThrow(
      refusal("invalid_request", message, "prompt"),
    );
    const empty = "the prompt is empty; this model needs at least one token to continue";
    for (const prompt of ["", []]) {
      await expect(encoded(gpt2, { kind: "text", prompts: ["a", prompt] })).rejects.toThrow(
        refusal("invalid_request", empty, "prompt"),
      );
    }
  });

  it("refuses a text that the tokenizer knows and the model does not, before it reaches a batch", async () => {
    const small = { ...gpt2, config: { ...gpt2.config, vocabSize: 10 } };
    const message = expect.stringMatching(
      /^the model's tokenizer makes the token \d+ of this text, but its config\.json has a vocab_size of 10$/,
    );
    for (const prompt of [
      { kind: "text", prompts: ["hello"] },
      { kind: "chat", messages: [{ role: "user", content: "hello" }] },
    ] as const) {
      await expect(encoded(small, prompt)).rejects.toMatchObject({ code: "invalid_model", message });
    }
  });

  it("refuses a text that is far too long without tokenizing it", async () => {
    const untouched = { ...gpt2.tokenizer, encode: () => expect.fail("was tokenized") };
    const model = { ...gpt2, tokenizer: untouched, template: () => expect.fail("was rendered") };
    const message = "this model's context is 64 tokens, but the prompt has 2049 characters; shorten the prompt";
    const half = { role: "user", content: "x".repeat(1024) } as const;
    const messages = [half, half, { role: "user", content: "x" }] as const;
    for (const [prompt, param] of [
      [{ kind: "text", prompts: ["x".repeat(2049)] }, "prompt"],
      [{ kind: "chat", messages }, "messages"],
    ] as const) {
      await expect(encoded(model, prompt)).rejects.toThrow(refusal("context_length_exceeded", message, param));
    }
  });
});

describe("tokenLimit", () => {
  const model = { capacity: 64 };

  it("is what was asked for, or all the room there is", () => {
    expect(tokenLimit(model, 10, { requested: 54, param: "messages", positionsBefore: 0 })).toBe(54);
    expect(tokenLimit(model, 10, { requested: null, param: "messages", positionsBefore: 0 })).toBe(54);
    expect(tokenLimit(model, 63, { requested: null, param: "messages", positionsBefore: 0 })).toBe(1);
    expect(tokenLimit(model, 64, { requested: 0, param: "prompt", positionsBefore: 0 })).toBe(0);
  });

  it("leaves out the positions that deltas fill", () => {
    expect(tokenLimit(model, 10, { requested: null, param: "messages", positionsBefore: 20 })).toBe(34);
    expect(tokenLimit(model, 10, { requested: 34, param: "messages", positionsBefore: 20 })).toBe(34);
  });

  it.each<[tokens: number, requested: number | null, param: string, message: string, lead?: number]>([
    [64, null, "prompt", "this model's context is 64 tokens, but the prompt has 64; shorten the prompt"],
    [65, 0, "prompt", "this model's context is 64 tokens, but the prompt has 65; shorten the prompt"],
    [
      40,
      null,
      "prompt",
      "this model's context is 64 tokens, of which the deltas take 24, but the prompt has 40; shorten the prompt",
      24,
    ],
    [
      10,
      40,
      "max_tokens",
      "this model's context is 64 tokens, of which the deltas take 24, but the prompt has 10 and 40 were asked for after it; shorten the prompt or lower max_tokens",
      24,
    ],
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
  ])("names what to change: %d tokens and %s more", (tokens, requested, param, message, positionsBefore = 0) => {
    const field = param === "prompt" ? ("prompt" as const) : ("messages" as const);
    const asked = { requested, param: field, positionsBefore };
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
