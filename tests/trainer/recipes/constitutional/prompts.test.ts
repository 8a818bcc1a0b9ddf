import { expect, it } from "vitest";
import { promptAsText, readPrompts } from "../../../../trainer/recipes/constitutional/prompts.ts";
import { jsonl } from "./run-constitutional.ts";

const read = (lines: readonly unknown[]) =>
  readPrompts({ name: "p.jsonl", bytes: new TextEncoder().encode(jsonl(lines)) });

it("reads chats and texts, with the whole line for graders", () => {
  const messages = [{ role: "user", content: "hi" }];
  const lines = [{ messages, wanted: "hello" }, { prompt: "Once" }, { prompt: messages, tools: [] }];
  expect(read(lines)).toMatchObject([
    { line: 1, prompt: messages, item: lines[0] },
    { line: 2, prompt: "Once", item: lines[1] },
    { line: 3, prompt: messages },
  ]);
});

it("refuses lines that end with an answer, by their number", () => {
  const answered = { messages: [{ role: "assistant", content: "hello" }] };
  expect(() => read([{ prompt: "Once" }, answered])).toThrow(/line 2 of p\.jsonl/);
});

it("is shown as one text", () => {
  const user = { role: "user", content: "hi" } as const;
  expect(promptAsText({ prompt: "Once" })).toBe("Once");
  expect(promptAsText({ prompt: [user] })).toBe("hi");
  expect(promptAsText({ prompt: [{ role: "system", content: "Be kind." }, user] })).toBe("system: Be kind.\nuser: hi");
});
