import { expect, test } from "vitest";
import { PAIRS } from "../../../../shared/data/line-formats/question-answer.ts";
import { parseTrainingLine, readTrainingRecord } from "../../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const system = (content: string) => ({ role: "system", content });

test("OpenOrca is read", () => {
  expect(parseTrainingLine({ id: "niv.1", system_prompt: "s", question: "q", response: "r" }, 1)).toEqual({
    kind: "chat",
    messages: [system("s"), user("q"), assistant("r")],
  });
});

test.each(PAIRS.map(({ name, keys }) => [name, keys[0]!, keys[1]!]))(
  "%s: %s and %s are a chat",
  (_, question, answer) => {
    expect(parseTrainingLine({ [question]: "q", [answer]: "a" }, 1)).toEqual({
      kind: "chat",
      messages: [user("q"), assistant("a")],
    });
  },
);

test("a question may be a conversation, and none of it is trained", () => {
  const line = { input: [system("s"), user("a"), assistant("b"), user("q")], ideal: "r" };
  expect(parseTrainingLine(line, 1)).toEqual({
    kind: "chat",
    messages: [system("s"), user("a"), { ...assistant("b"), weight: 0 }, user("q"), assistant("r")],
  });
});

test("an answer may be a conversation too, or one message", () => {
  for (const output of [[assistant("r")], assistant("r")]) {
    expect(parseTrainingLine({ input: [user("q")], output }, 1)).toEqual({
      kind: "chat",
      messages: [user("q"), assistant("r")],
    });
  }
});

test("an answer that is no text is refused by name", () => {
  expect(() => parseTrainingLine({ question: "q", answer: { text: ["a"] } }, 7, "d")).toThrow(
    "line 7 of d: answer: must be a text, not an object",
  );
});

test("what a question is about stands below it; a list of documents is named as ignored", () => {
  const read = (context: unknown) =>
    readTrainingRecord({ question: "q", answer: "a", context }, { number: 1, unit: "line", file: "d" });
  expect(read("CREATE TABLE t (a INT)")).toMatchObject({
    examples: [{ messages: [user("q\n\nCREATE TABLE t (a INT)"), assistant("a")] }],
    ignored: [],
  });
  expect(read("")).toMatchObject({ examples: [{ messages: [user("q"), assistant("a")] }], ignored: [] });
  expect(read({ title: ["t"] })).toMatchObject({
    examples: [{ messages: [user("q"), assistant("a")] }],
    ignored: ["context"],
  });
});
