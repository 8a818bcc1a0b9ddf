import { expect, it } from "vitest";
import {
  assistant,
  CHAT_TEMPLATE,
  renderChat,
  renderDocument,
  system,
  user,
} from "../../../../infra/base/corpus/document.ts";
import { compileTemplate } from "../../../../shared/model/template/compile.ts";

const messages = [system("Be brief."), user("Hello!"), assistant("Hi.\nThere.")];

it("writes each turn between its markers", () => {
  expect(renderDocument({ kind: "chat", messages })).toBe(
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello!<|im_end|>\n" +
      "<|im_start|>assistant\nHi.\nThere.<|im_end|>\n",
  );
  expect(renderDocument({ kind: "prose", text: "A day.\n" })).toBe("A day.\n");
});

it("matches the tokenizer's Jinja template", () => {
  const template = compileTemplate(CHAT_TEMPLATE);
  for (const generationPrompt of [false, true]) {
    for (const chat of [messages, messages.slice(1), messages.slice(0, 2)]) {
      const rendered = template.render(
        { messages: chat, add_generation_prompt: generationPrompt },
        { messages: chat.length, characters: 100 },
      );
      expect(renderChat(chat, { generationPrompt })).toBe(rendered);
    }
  }
});
