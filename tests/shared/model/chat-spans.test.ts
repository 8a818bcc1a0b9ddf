import { describe, expect, test } from "vitest";
import { TrimtabError } from "../../../shared/errors.ts";
import type { ChatMessage } from "../../../shared/model/chat-message.ts";
import { findTurns, type TurnInput } from "../../../shared/model/chat-spans.ts";
import type { TextPiece } from "../../../shared/model/tokenizer.ts";

type Render = TurnInput["render"];

/** "#" ends a turn, "@" is another control token. */
function splitControl(text: string): TextPiece[] {
  return [...text.matchAll(/[#@]|[^#@]+/g)].map((match) => ({
    text: match[0],
    start: match.index,
    end: match.index + match[0].length,
    ...(match[0] === "#" ? { id: 1 } : match[0] === "@" ? { id: 2 } : {}),
  }));
}

const messages: ChatMessage[] = [
  { role: "user", content: "q1" },
  { role: "assistant", content: " a1 " },
  { role: "user", content: "q2" },
  { role: "assistant", content: "a2" },
];

function turnsOf(render: Render, given = messages, blocks: TurnInput["blocks"] = () => undefined) {
  const targets = given.flatMap(({ role }, index) => (role === "assistant" ? [index] : []));
  const stopIds = new Set([1]);
  const { turns, findings } = findTurns({
    messages: given,
    targets,
    render,
    blocks,
    splitControl,
    stopIds,
    unused: "\ue000",
  });
  return {
    turns,
    replies: turns.map(({ message, reply, closed }) => [message, reply, closed]),
    findings: findings.map(({ kind, message }) => [kind, message]),
    details: findings.map(({ detail }) => detail),
  };
}

const header = (prompt: boolean) => (prompt ? "assistant:" : "");
const plain = (m: ChatMessage) => `${m.role}:${m.content}#\n`;

describe("a prompt that begins the turn", () => {
  test("the reply is all that follows, to the token that ends the turn", () => {
    const { turns, replies, findings } = turnsOf((given, prompt) => given.map(plain).join("") + header(prompt));
    expect(replies).toEqual([
      [1, " a1 #", true],
      [3, "a2#", true],
    ]);
    expect(turns.map(({ prompt, rest }) => [prompt, rest])).toEqual([
      ["user:q1#\nassistant:", "\n"],
      ["user:q1#\nassistant: a1 #\nuser:q2#\nassistant:", "\n"],
    ]);
    expect(findings).toEqual([]);
  });

  test("what the template writes between the prompt and the content belongs to the reply", () => {
    const render: Render = (given, prompt) =>
      given.map((m) => (m.role === "assistant" ? `@assistant|think|@${m.content}#` : `@user:${m.content}#`)).join("") +
      (prompt ? "@assistant" : "");
    const { replies, findings } = turnsOf(render);
    expect(replies).toEqual([
      [1, "|think|@ a1 #", true],
      [3, "|think|@a2#", true],
    ]);
    expect(findings).toEqual([]);
  });

  test("each turn is read as the last one, however it looks later", () => {
    const render: Render = (given, prompt) =>
      given.map((m, at) => `${m.role}:${m.content}${at === given.length - 1 && !prompt ? "#" : "\n"}`).join("") +
      header(prompt);
    expect(turnsOf(render).replies).toEqual([
      [1, " a1 #", true],
      [3, "a2#", true],
    ]);
  });

  test("without a token at the end, the reply ends with its content", () => {
    const render: Render = (given, prompt) => given.map((m) => `${m.role}:${m.content}\n`).join("") + header(prompt);
    expect(turnsOf(render).replies).toEqual([
      [1, " a1", false],
      [3, "a2", false],
    ]);
  });

  test("text that a template writes after every conversation is no part of the reply", () => {
    const render: Render = (given) => `${given.map((m) => `@${m.role}@${m.content}#`).join("")}@assistant@`;
    expect(turnsOf(render).replies).toEqual([
      [1, " a1 #", true],
      [3, "a2#", true],
    ]);
  });

  test("calls are part of the reply, and the last of them is within its end", () => {
    const calls = [{ function: { name: "f" } }, { function: { name: "look" } }];
    const given = [messages[0]!, { role: "assistant", content: "Hm", tool_calls: calls }, messages[2]!, messages[3]!];
    const render: Render = (shown, prompt) =>
      shown
        .map((m) => {
          const names = ((m.tool_calls ?? []) as typeof calls).map((call) => `@call:${call.function.name}#`);
          return `${m.role}:${m.content}#${names.join("")}\n`;
        })
        .join("") + header(prompt);
    expect(turnsOf(render, given).replies[0]).toEqual([1, "Hm#@call:f#@call:look#", true]);
  });

  test("a template without a generation prompt: the model has to write the header, and it is said", () => {
    const { replies, findings, details } = turnsOf((given) => given.map(plain).join(""));
    expect(replies[1]).toEqual([3, "assistant:a2#", true]);
    expect(findings).toEqual([
      ["header", 1],
      ["header", 3],
    ]);
    expect(details[0]).toBe('the model learns to write "assistant: " first, as it has to when it is served');
  });

  test("white space that the template changes is not worth a word", () => {
    const render: Render = (given, prompt) =>
      given.map((m) => `${m.role}:${m.content.replaceAll(/\s+/g, " ")}#`).join("") + header(prompt);
    expect(turnsOf(render, [messages[0]!, { role: "assistant", content: "a\n\nb" }]).findings).toEqual([]);
  });

  test("content that the template cuts is named", () => {
    const render: Render = (given, prompt) =>
      given.map((m) => `${m.role}:${m.content.replace(/^.*\|/, "")}#`).join("") + header(prompt);
    const { replies, findings, details } = turnsOf(render, [messages[0]!, { role: "assistant", content: "idea|a" }]);
    expect(replies).toEqual([[1, "a#", true]]);
    expect(findings).toEqual([["cut", 1]]);
    expect(details).toEqual(['of "idea|a" the template writes "a#"']);
  });
});

describe("a prompt that does not begin the turn", () => {
  const answered = (content: string) => [messages[0]!, { role: "assistant", content }];
  const lines =
    (promptEnd: string, body = (m: ChatMessage) => m.content): Render =>
    (given, prompt) =>
      given.map((m) => `${m.role}:${body(m)}#`).join("") + (prompt ? promptEnd : "");

  test.each([
    ["an empty thought in the prompt only", "assistant:<think></think>", "answer", "answer#"],
    ["a thought begun in the prompt only", "assistant:<think>", "answer", "answer#"],
    ["a reply that begins like the end of the prompt", "assistant:<think>", "<thanks>", "<thanks>#"],
    ["white space", "assistant:\n", "answer", "answer#"],
    ["an empty reply", "assistant:<think>", "", "#"],
    ["a reply that is nothing but what the prompt begins", "assistant:<think>\n", "<think>", "#"],
  ])("%s: the reply is moved behind the prompt", (_, promptEnd, content, reply) => {
    const { turns, replies, findings } = turnsOf(lines(promptEnd), answered(content));
    expect(replies).toEqual([[1, reply, true]]);
    expect(turns[0]!.prompt).toBe(`user:q1#${promptEnd}`);
    expect(findings).toEqual([["aligned", 1]]);
  });

  test("a thought that the prompt begins and the template cuts is put back", () => {
    const cut = lines("assistant:<think>\n", (m) => m.content.split("</think>").at(-1)!);
    const { replies, findings } = turnsOf(cut, answered("<think>\nWell.\n</think>\n\nIt is so."));
    expect(replies).toEqual([[1, "Well.\n</think>\n\nIt is so.#", true]]);
    expect(findings).toEqual([["aligned", 1]]);
  });

  test("what the prompt begins and the data repeats is not cut, and white space of the data is kept", () => {
    const given = answered("<think>Well.</think> So.");
    expect(turnsOf(lines("assistant:<think>"), given)).toMatchObject({
      replies: [[1, "Well.</think> So.#", true]],
      findings: [],
    });
    expect(turnsOf(lines("assistant:<think>"), answered(" So. ")).replies).toEqual([[1, " So. #", true]]);
  });

  test("a history that is written differently once the turn is there", () => {
    const render: Render = (given, prompt) => `${given.length}:${given.map(plain).join("")}${header(prompt)}`;
    const { turns, replies } = turnsOf(render);
    expect(replies).toEqual([
      [1, " a1 #", true],
      [3, "a2#", true],
    ]);
    expect(turns[1]!.prompt).toMatch(/^3:.*q2#\nassistant:$/s);
  });

  test("such a history keeps what the model has to write before the content", () => {
    const render: Render = (given, prompt) =>
      `${given.length}:${given.map((m) => (m.role === "user" ? `user:${m.content}#` : `@assistant@final@${m.content}#`)).join("")}` +
      (prompt ? "@assistant" : "");
    expect(turnsOf(render).replies).toEqual([
      [1, "@final@ a1 #", true],
      [3, "@final@a2#", true],
    ]);
  });

  test("a reply that cannot be found in such a text is left out", () => {
    const render: Render = (given) => `${given.length}:${given.map((m) => `${m.content.toUpperCase()}#`).join("")}`;
    const { replies, findings } = turnsOf(render);
    expect(replies).toEqual([]);
    expect(findings).toEqual([
      ["not_served", 1],
      ["not_served", 3],
    ]);
  });
});

describe("templates that refuse", () => {
  const refuse = (problem: string) => {
    throw new TrimtabError("invalid_request", problem);
  };

  test("a turn whose prompt they refuse is left out with their words", () => {
    const render: Render = (given, prompt) =>
      given.length === 0 ? refuse("say something") : given.map(plain).join("") + header(prompt);
    const given = [{ role: "assistant", content: "Welcome" }, ...messages];
    const { replies, findings, details } = turnsOf(render, given);
    expect(replies.map(([message]) => message)).toEqual([2, 4]);
    expect(findings).toEqual([["not_served", 0]]);
    expect(details).toEqual(["serving cannot show the messages before it: say something"]);
  });

  test("a conversation that they refuse is refused in their words", () => {
    const render: Render = (given) => (given.length > 3 ? refuse("too long") : given.map(plain).join(""));
    expect(() => turnsOf(render)).toThrow("too long");
  });
});

describe("generation blocks", () => {
  const render: Render = (given, prompt) => given.map(plain).join("") + header(prompt);
  const blockAt = (length: number, from = 0): TurnInput["blocks"] => {
    return (_, text) => [{ start: text.lastIndexOf(":") + 1 + from, end: text.lastIndexOf(":") + 1 + length }];
  };
  const learnt = (length: number, from = 0) => {
    const { turns, findings } = turnsOf(render, messages.slice(2), blockAt(length, from));
    return [turns[0]!.trained.map(({ start, end }) => turns[0]!.reply.slice(start, end)), findings];
  };

  test("that cover the reply change nothing", () => {
    expect(learnt(3)).toEqual([["a2#"], []]);
    expect(turnsOf(render, messages.slice(2), () => []).turns[0]!.trained).toEqual([{ start: 0, end: 3 }]);
  });

  test("decide what is trained, but the end of a turn always is", () => {
    expect(learnt(2)).toEqual([["a2", "#"], []]);
    expect(learnt(1)).toEqual([["a", "#"], [["block", 1]]]);
    expect(learnt(3, 1)).toEqual([["2#"], [["block", 1]]]);
  });
});
