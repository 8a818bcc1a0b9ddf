import { describe, expect, it } from "vitest";
import { encodeFinished } from "../../../edge/serving/finished-text.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { tinyBase } from "../support/tiny-base.ts";

const files = tinyBase();
const parsed = (name: string) => JSON.parse(new TextDecoder().decode(files.get(name))) as never;
const tokenizer = loadTokenizer(parsed("tokenizer.json"), parsed("tokenizer_config.json"), {} as never);
const config = parseModelConfig(parsed("config.json"));
const model = {
  ...{ tokenizer, config, capacity: 128 },
  template: () => loadChatTemplate(tokenizer),
  callSyntax: () => ({ problem: "none" }) as never,
};
const END = 2;
const bytes = (text: string) => [...new TextEncoder().encode(text)].map((byte) => byte + 3);
const user = (content: string) => ({ role: "user", content }) as const;
const assistant = (content: string) => ({ role: "assistant", content }) as const;

describe("a finished text", () => {
  it("is its prompt, the completion and the end of text", () => {
    const given = { kind: "text", prompt: "hi", text: " there", param: "input[0]" } as const;
    expect(encodeFinished(model, given)).toEqual({
      whole: [...bytes("hi there"), END],
      alone: bytes(" there"),
    });
  });

  it("is a conversation up to the token that ends the last reply, without what the template writes after it", () => {
    const messages = [user("a"), assistant("b"), user("c"), assistant("d")];
    const { whole, alone } = encodeFinished(model, { kind: "chat", messages, param: "input[0]" });
    const prompt = model.template().encodePrompt(messages.slice(0, 3));
    expect(whole).toEqual([...prompt, ...bytes("d"), END]);
    expect(alone).toEqual(bytes("d"));
  });

  it("is refused with its place where it is too long or the model cannot write it", () => {
    const refused = (given: Parameters<typeof encodeFinished>[1], other = model) => {
      try {
        encodeFinished(other, given);
      } catch (error) {
        return error;
      }
      return expect.fail("was not refused");
    };
    const long = { kind: "text", prompt: "", text: "x".repeat(5000), param: "input[7]" } as const;
    expect(refused(long)).toMatchObject({ code: "context_length_exceeded", param: "input[7]" });
    const { chatTemplate: _, ...bare } = tokenizer;
    const chat = { kind: "chat", messages: [user("a"), assistant("b")], param: "input[1]" } as const;
    const untemplated = { ...model, template: () => loadChatTemplate(bare as typeof tokenizer) };
    expect(refused(chat, untemplated)).toMatchObject({ code: "invalid_model", param: "input[1]" });
    const picky = "{{ raise_exception('no system here') }}";
    const strict = { ...model, template: () => loadChatTemplate(tokenizer, { source: picky }) };
    expect(refused(chat, strict)).toMatchObject({ code: "invalid_request", param: "input[1]" });
  });
});
