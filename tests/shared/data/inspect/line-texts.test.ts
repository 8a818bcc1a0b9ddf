import { describe, expect, test } from "vitest";
import { lineTexts } from "../../../../shared/data/inspect/line-texts.ts";

describe("lineTexts", () => {
  test("takes what stands before the last reply as the prompt, without system prompts", () => {
    const texts = lineTexts(3, [
      {
        kind: "chat",
        messages: [
          { role: "system", content: "be kind" },
          { role: "user", content: "hi" },
          { role: "assistant", content: "ho", weight: 0 },
          { role: "user", content: "bye" },
          { role: "assistant", content: "farewell" },
        ],
      },
    ]);
    expect(texts).toMatchObject({ line: 3, instruction: "hi", prompt: "hi\nho\nbye", replies: ["farewell"] });
    expect(texts.content).toBe("hi\nho\nbye\nfarewell");
    expect(texts.turns.map(({ trained }) => trained)).toEqual([false, false, false, false, true]);
  });

  test("reads completions, bare texts, and the examples that preferences compare", () => {
    const two = lineTexts(1, [
      { kind: "completion", prompt: "p", completion: "good" },
      { kind: "completion", prompt: "p", completion: "bad" },
    ]);
    expect(two).toMatchObject({ prompt: "p", replies: ["good", "bad"], content: "p\ngood\nbad" });
    expect(lineTexts(1, [{ kind: "completion", prompt: "", completion: "text" }])).toMatchObject({
      prompt: "",
      instruction: "",
      content: "text",
    });
    expect(lineTexts(1, [{ kind: "led", lead: [1], text: "text" }])).toMatchObject({ prompt: "", replies: ["text"] });
  });

  test("has a key that roles and the ends of turns are part of", () => {
    const key = (...contents: string[]) =>
      lineTexts(1, [{ kind: "chat", messages: contents.map((content) => ({ role: "user", content })) }]).key;
    expect(key("a", "b")).not.toBe(key("a\nb"));
    expect(key("a", "b")).toBe(key("a", "b"));
  });
});
