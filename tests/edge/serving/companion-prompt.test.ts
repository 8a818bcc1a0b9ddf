import { beforeAll, describe, expect, it } from "vitest";
import { companionPrompt } from "../../../edge/serving/companion-prompt.ts";
import type { EngineMessage } from "../../../edge/serving/protocol.ts";
import type { CompanionPrompt } from "../../../shared/decode/steering/part.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { lettersBase, tokensOf } from "../support/letters-base.ts";

/** The template writes role and content, and takes no conversation without a user. */
const TEMPLATE =
  "{% for m in messages %}{{ m.role[0] }}{{ m.content }}{% endfor %}{% if (messages | selectattr('role', 'equalto', 'user') | list | length) == 0 %}{{ raise_exception('a user must speak') }}{% endif %}";

let model: Parameters<typeof companionPrompt>[0];
beforeAll(() => {
  const folder = lettersBase();
  const read = (name: string) => JSON.parse(new TextDecoder().decode(folder.get(name)));
  const tokenizer = loadTokenizer(read("tokenizer.json"), {
    ...read("tokenizer_config.json"),
    chat_template: TEMPLATE,
  });
  const template = loadChatTemplate(tokenizer, { clock: () => new Date(0) });
  model = { tokenizer, template: () => template, config: { vocabSize: 96 }, capacity: 64 } as never;
});

const OWN = [7, 8, 9];
const user: EngineMessage = { role: "user", content: "hi" };
const messages: EngineMessage[] = [
  { role: "system", content: "be" },
  { role: "system", content: "facts", name: "facts" },
  user,
  { role: "assistant", content: "yo", name: "bot" },
];
const ofChat = (asked: CompanionPrompt, all = messages) =>
  companionPrompt(model, asked, { prompt: { kind: "chat", messages: all }, own: OWN, param: "steering.contrastive" });
const ofText = (asked: CompanionPrompt) =>
  companionPrompt(model, asked, { prompt: { kind: "text", prompts: ["x"] }, own: OWN, param: "steering.guidance" });
const without = (message: "system" | string): CompanionPrompt => ({
  kind: "without",
  message: message === "system" ? message : { name: message },
});

describe("the prompt of a companion", () => {
  it("is the leader's own, the very array, so that the two share it", () => {
    expect(ofChat({ kind: "own" })).toBe(OWN);
    expect(ofText({ kind: "own" })).toBe(OWN);
  });

  it("is the tokens that are asked for, or the prompt's last one", () => {
    expect(ofText({ kind: "tokens", ids: [1, 2] })).toEqual([1, 2]);
    for (const of of [ofText, ofChat]) expect(of({ kind: "instead", text: null })).toEqual([9]);
  });

  it("is another text instead of a completion's", () => {
    expect(ofText({ kind: "instead", text: "rude" })).toEqual(tokensOf("rude"));
  });

  it("is a chat with another system message in place of all of its own, first", () => {
    expect(ofChat({ kind: "instead", text: "rude" })).toEqual(tokensOf("srudeuhiayo"));
    expect(ofChat({ kind: "instead", text: "rude" }, [user])).toEqual(tokensOf("srudeuhi"));
  });

  it("is a chat without its system messages, or without those of a name", () => {
    expect(ofChat(without("system"))).toEqual(tokensOf("uhiayo"));
    expect(ofChat(without("facts"))).toEqual(tokensOf("sbeuhiayo"));
    expect(ofChat(without("bot"))).toEqual(tokensOf("sbesfactsuhi"));
  });

  it("keeps the tools that the model is shown", () => {
    const template = { encodePrompt: (_: unknown, options: { tools: readonly unknown[] }) => [options.tools.length] };
    const tools = { functions: [{ name: "f" }], callable: ["f"], required: false, parallel: true };
    const shown = { ...model, template: () => template } as never;
    const prompt = { kind: "chat", messages: [user], tools } as const;
    expect(companionPrompt(shown, { kind: "instead", text: "rude" }, { prompt, own: OWN, param: "p" })).toEqual([1]);
  });
});

describe("what cannot be such a prompt is refused by the field", () => {
  it.each([
    [
      "no system message",
      () => ofChat(without("system"), [user]),
      "leaves out the system message, but the request has none",
    ],
    [
      "no message of the name",
      () => ofChat(without("nobody")),
      'leaves out the message with the name "nobody", but the request has none',
    ],
    [
      "no other message",
      () => ofChat(without("system"), messages.slice(0, 2)),
      "leaves out the system message, and then no message is left",
    ],
    [
      "a conversation that the template does not take",
      () => ofChat(without("u"), [{ ...user, name: "u" }, messages[0]!]),
      "the model's chat template does not take: ",
    ],
  ])("%s", (_, asked, words) => {
    expect(asked).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "steering.contrastive",
        message: expect.stringContaining(words),
      }),
    );
  });

  it("a completion without messages", () => {
    expect(() => ofText(without("system"))).toThrow(
      expect.objectContaining({ param: "steering.guidance", message: expect.stringContaining("ask for a chat") }),
    );
  });

  it("a text that is empty or longer than any context", () => {
    expect(() => ofText({ kind: "instead", text: "" })).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "steering.guidance" }),
    );
    expect(() => ofText({ kind: "instead", text: "a".repeat(64 * 32 + 1) })).toThrow(
      expect.objectContaining({ code: "context_length_exceeded", param: "steering.guidance" }),
    );
  });
});
