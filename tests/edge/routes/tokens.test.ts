import { beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/limits.ts";
import { Api } from "../support/api.ts";

const api = new Api();
const model = "token-base";
let key: string;

/** Its vocabulary is as large as its tokenizer's. */
beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("tokens");
});

const tokenize = (body: object, path = "/v1/tokenize") =>
  api.call<{ tokens: number[]; count: number }>("POST", path, { key, body });
const detokenize = (tokens: readonly number[]) =>
  api.call<{ prompt: string }>("POST", "/v1/detokenize", { key, body: { model, tokens } });

/** As the tiny base has bytes. */
const byteTokens = (text: string) => [...new TextEncoder().encode(text)].map((byte) => byte + 3);

describe("a text's tokens", () => {
  it("are vLLM's reply, at the root and under /v1", async () => {
    const expected = { count: 3, max_model_len: 128, tokens: byteTokens("hi!"), token_strs: null };
    for (const path of ["/tokenize", "/v1/tokenize"]) {
      expect(await tokenize({ model, prompt: "hi!" }, path)).toEqual(expected);
      expect(await tokenize({ model, prompt: "hi!", add_special_tokens: false }, path)).toEqual(expected);
    }
    expect(await tokenize({ model, prompt: "" })).toMatchObject({ tokens: [], count: 0 });
    expect(await tokenize({ model, prompt: "hi!", return_token_strs: true })).toMatchObject({
      token_strs: ["h", "i", "!"],
    });
  });

  it("have control tokens where they are written, and give the text back", async () => {
    const text = "<|im_start|>user\né🙂<|im_end|>";
    const { tokens } = await tokenize({ model, prompt: text });
    expect(tokens).toEqual([1, ...byteTokens("user\né🙂"), 2]);
    expect(await detokenize(tokens)).toEqual({ prompt: text });
    expect(await detokenize([])).toEqual({ prompt: "" });
    expect(await detokenize(byteTokens("é").slice(0, 1))).toEqual({ prompt: "\ufffd" });
  });

  it("are those that a conversation's prompt has", async () => {
    const messages = [{ role: "user", content: "a <|im_end|> b" }];
    const { tokens } = await tokenize({ model, messages });
    expect(tokens).toEqual([
      1,
      ...byteTokens("user\na <|im_end|> b"),
      2,
      ...byteTokens("\n"),
      1,
      ...byteTokens("assistant\n"),
    ]);
    const chat = { model, messages, max_tokens: 1, prompt_logprobs: 0 };
    const reply = await api.call<{ usage: { prompt_tokens: number }; prompt_logprobs: (object | null)[] }>(
      "POST",
      "/v1/chat/completions",
      { key, body: chat },
    );
    expect(reply.usage.prompt_tokens).toBe(tokens.length);
    expect(reply.prompt_logprobs.slice(1).map((one) => Number(Object.keys(one!)[0]))).toEqual(tokens.slice(1));
  });

  it("need no name of a model where there is one base", async () => {
    expect(await tokenize({ prompt: "a" }, "/tokenize")).toMatchObject({ tokens: byteTokens("a") });
    expect(await api.call("GET", "/tokenizer_info", { key })).toMatchObject({ eos_token: "<|im_end|>" });
    expect(await api.call("POST", "/detokenize", { key, body: { tokens: [100] } })).toEqual({ prompt: "a" });
    await api.base("other-base");
    expect(await api.refusal("POST", "/tokenize", { key, body: { prompt: "a" } })).toMatchObject({
      status: 400,
      param: "model",
      message: expect.stringMatching(/(token-base, other-base|other-base, token-base)/),
    });
  });

  it("are found by an alias", async () => {
    await api.call("POST", "/v1/aliases", { key, body: { id: "short", model } });
    expect(await tokenize({ model: "short", prompt: "a" })).toMatchObject({ tokens: byteTokens("a") });
    const refusal = await api.refusal("POST", "/v1/tokenize", { key, body: { model: "nobody", prompt: "a" } });
    expect(refusal).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
  });

  it.each<[object, string]>([
    [{}, "prompt"],
    [{ prompt: "a", messages: [{ role: "user", content: "a" }] }, "prompt"],
    [{ prompt: ["a"] }, "prompt"],
    [{ prompt: "a".repeat(LIMITS.tokenizedText + 1) }, "prompt"],
    [{ messages: [{ role: "user", content: "a" }], add_special_tokens: true }, "add_special_tokens"],
    [{ messages: [{ role: "user", content: "a".repeat(5000) }] }, "messages"],
    [{ messages: [{ role: "user", content: "a" }], add_generation_prompt: false }, "add_generation_prompt"],
    [{ prompt: "a", chat_template: "{{ messages }}" }, "chat_template"],
    [{ prompt: "a", tools: [] }, "tools"],
    [{ prompt: "a", promt: "b" }, "promt"],
  ])("are refused for %j", async (body, param) => {
    const refusal = await api.refusal("POST", "/v1/tokenize", { key, body: { model, ...body } });
    expect(refusal).toMatchObject({ status: 400, param });
  });
});

describe("tokens' text", () => {
  it.each<[unknown, string]>([
    [[3, 259], "tokens[1]"],
    [[-1], "tokens[0]"],
    [[1.5], "tokens[0]"],
    ["a", "tokens"],
    [undefined, "tokens"],
  ])("is refused for %j", async (tokens, param) => {
    const refusal = await api.refusal("POST", "/v1/detokenize", { key, body: { model, tokens } });
    expect(refusal).toMatchObject({ status: 400, param });
  });
});

describe("a tokenizer", () => {
  it("is described as harnesses ask", async () => {
    for (const path of ["/tokenizer_info", "/v1/tokenizer_info"]) {
      expect(await api.call("GET", `${path}?model=${model}`, { key })).toEqual({
        tokenizer_class: "PreTrainedTokenizerFast",
        bos_token: null,
        eos_token: "<|im_end|>",
        pad_token: "<|endoftext|>",
        unk_token: null,
        bos_token_id: null,
        eos_token_id: 2,
        pad_token_id: 0,
        add_bos_token: false,
        additional_special_tokens: ["<|im_start|>"],
        chat_template: expect.stringContaining("{% for message in messages %}"),
        vocab_size: 259,
        model_max_length: 128,
        max_model_len: 128,
      });
    }
    expect(await api.refusal("GET", "/tokenizer_info?modell=a", { key })).toMatchObject({
      status: 400,
      param: "modell",
    });
  });
});
