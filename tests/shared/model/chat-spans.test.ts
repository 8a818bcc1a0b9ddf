import { describe, expect, test } from "vitest";
import type { ChatMessage } from "../../../shared/model/chat-message.ts";
import { assistantSpans } from "../../../shared/model/chat-spans.ts";
import type { TextPiece } from "../../../shared/model/tokenizer.ts";

type Render = (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string;

/** "#" is the only control token. */
function splitControl(text: string): TextPiece[] {
  return [...text].map((character, at) => ({
    text: character,
    start: at,
    end: at + 1,
    ...(character === "#" ? { id: 1 } : {}),
  }));
}

const messages: ChatMessage[] = [
  { role: "user", content: "q1" },
  { role: "assistant", content: " a1 " },
  { role: "user", content: "q2" },
  { role: "assistant", content: "a2" },
];

function spansOf(render: Render, given = messages) {
  const text = render(given, false);
  const spans = assistantSpans({ text, messages: given, render, splitControl, unused: "\ue000" });
  return spans.map((span) => [span.message, text.slice(span.start, span.end), span.closed]);
}

describe("by markers", () => {
  test.each<[string, (message: ChatMessage) => string, unknown]>([
    [
      "as it is, closed",
      (m) => `${m.role}:${m.content}#\n`,
      [
        [1, " a1 #", true],
        [3, "a2#", true],
      ],
    ],
    [
      "stripped",
      (m) => `${m.role}:${m.content.trim()}#`,
      [
        [1, "a1#", true],
        [3, "a2#", true],
      ],
    ],
    [
      "stripped at the left only",
      (m) => `${m.role}:${m.content.trimStart()}#`,
      [
        [1, "a1 #", true],
        [3, "a2#", true],
      ],
    ],
    [
      "stripped at the right only",
      (m) => `${m.role}:${m.content.trimEnd()}#`,
      [
        [1, " a1#", true],
        [3, "a2#", true],
      ],
    ],
    [
      "text before the end",
      (m) => `${m.role}:${m.content} .#`,
      [
        [1, " a1  .#", true],
        [3, "a2 .#", true],
      ],
    ],
    [
      "never closed",
      (m) => `${m.role}:${m.content}\n`,
      [
        [1, " a1 ", false],
        [3, "a2", false],
      ],
    ],
  ])("%s", (_name, turn, expected) => {
    expect(spansOf((given) => given.map(turn).join(""))).toEqual(expected);
  });

  test("a header that begins with a control token does not end the turn before it", () => {
    const render: Render = (given) => given.map((m) => `#${m.role}:${m.content}`).join("");
    expect(spansOf(render)).toEqual([
      [1, " a1 ", false],
      [3, "a2", false],
    ]);
  });

  test("only the last turn is closed if the template closes only that one", () => {
    const render: Render = (given) => `${given.map((m) => `${m.role}:${m.content}`).join("\n")}#`;
    expect(spansOf(render)).toEqual([
      [1, " a1 ", false],
      [3, "a2#", true],
    ]);
  });
});

describe("by prefixes", () => {
  const lookingInside =
    (header: (given: readonly ChatMessage[]) => string): Render =>
    (given, prompt) =>
      header(given) +
      given.map((m) => `${m.role}:${m.content.includes("a") ? m.content.toUpperCase() : m.content}#`).join("") +
      (prompt ? "assistant:" : "");

  test("a template that inspects the replies", () => {
    const upper = messages.map((m) => (m.role === "assistant" ? { ...m, content: `${m.content}é` } : m));
    const render: Render = (given, prompt) =>
      given.map((m) => `${m.role}:${m.content.normalize("NFD")}#`).join("") + (prompt ? "assistant:" : "");
    expect(spansOf(render, upper)).toEqual([
      [1, " a1 é#".normalize("NFD"), true],
      [3, "a2é#".normalize("NFD"), true],
    ]);
    expect(spansOf(lookingInside(() => ""))).toEqual([
      [1, " A1 #", true],
      [3, "A2#", true],
    ]);
  });

  test("a template whose beginning depends on the whole conversation is rejected", () => {
    expect(() => spansOf(lookingInside((given) => String(given.length)))).toThrow(
      expect.objectContaining({
        code: "invalid_model",
        message: expect.stringContaining("use a template that only appends"),
      }),
    );
  });
});
