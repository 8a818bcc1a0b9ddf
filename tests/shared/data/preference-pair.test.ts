import { describe, expect, it } from "vitest";
import {
  answeredPrompt,
  isPreferenceRecord,
  pairExamples,
  parsePreferencePairs,
  readPreferenceRecord,
} from "../../../shared/data/preference-pair.ts";

const read = (value: unknown) => readPreferenceRecord(value, { number: 3, unit: "line", file: "pairs.jsonl" });
const user = (content: string) => ({ role: "user", content });
const reply = (content: string) => ({ role: "assistant", content });
const openAi = (changes: object = {}) => ({
  input: { messages: [user("Hi")] },
  preferred_output: [reply("Hello!")],
  non_preferred_output: [reply("What?")],
  ...changes,
});
const tool = { type: "function", function: { name: "add", parameters: {} } };

describe("readPreferenceRecord", () => {
  it("reads OpenAI's lines, with their tools", () => {
    expect(read(openAi())).toEqual({
      pair: { prompt: [user("Hi")], chosen: [reply("Hello!")], rejected: [reply("What?")] },
      layout: "OpenAI's preference pair",
      ignored: [],
    });
    const input = { messages: [user("Hi")], tools: [tool], parallel_tool_calls: true, note: 1 };
    const { pair, ignored } = read(openAi({ input, score: 2 }));
    expect(pair.tools).toEqual([tool]);
    expect(ignored).toEqual(["score", "input.note"]);
  });

  it("reads a prompt with two answers, texts or turns", () => {
    expect(read({ prompt: "The sky is", chosen: " blue", rejected: " green", score: 1 })).toEqual({
      pair: { prompt: "The sky is", chosen: " blue", rejected: " green" },
      layout: "preference pair",
      ignored: ["score"],
    });
    const turns = { prompt: [user("Hi")], chosen: [reply("Hello!")], rejected: [reply("What?")] };
    expect(read(turns).pair).toEqual(turns);
    expect(read({ ...turns, chosen: "Hello!" }).pair).toEqual(turns);
  });

  it("finds the prompt that both sides repeat", () => {
    const whole = { chosen: [user("Hi"), reply("Hello!")], rejected: [user("Hi"), reply("What?")] };
    const pair = { prompt: [user("Hi")], chosen: [reply("Hello!")], rejected: [reply("What?")] };
    expect(read(whole).pair).toEqual(pair);
    expect(read({ ...whole, prompt: "Hi" }).pair).toEqual(pair);
    expect(read({ ...whole, prompt: [user("Hi")] }).pair).toEqual(pair);
    expect(read({ chosen: "Human: hi AI: yes", rejected: "Human: hi AI: no" }).pair).toEqual({
      ...{ prompt: "Human: hi AI:", chosen: " yes", rejected: " no" },
    });
  });

  const same = "is the same as chosen, so neither is better; change one of them or remove the pair";
  it.each([
    ["a list", [], "line 3 of pairs.jsonl is not a JSON object"],
    ["another record", { messages: [] }, "is not a preference pair: its fields are"],
    ["equal answers", { prompt: "a", chosen: "b", rejected: "b" }, `line 3 of pairs.jsonl: rejected: ${same}`],
    [
      "equal conversations",
      { chosen: [user("a"), reply("b")], rejected: [user("a"), reply("b")] },
      `rejected: ${same}`,
    ],
    [
      "equal outputs",
      openAi({ non_preferred_output: [reply("Hello!")] }),
      "non_preferred_output: is the same as preferred_output",
    ],
    ["an empty answer", { prompt: "a", chosen: " ", rejected: "b" }, "chosen: must not be empty"],
    ["an empty turn", openAi({ non_preferred_output: [reply("")] }), "non_preferred_output: must not be empty"],
    ["no turn", openAi({ preferred_output: [] }), "preferred_output: must not be empty"],
    ["half a pair", { prompt: "a", chosen: "b" }, "rejected: must be a text, not empty"],
    ["half of OpenAI's", openAi({ non_preferred_output: null }), "non_preferred_output: must be a list of messages"],
    ["OpenAI's without its input", openAi({ input: null }), "input: must be an object with messages, not empty"],
    ["an unknown role", openAi({ input: { messages: [{ role: "pirate" }] } }), "input.messages[0].role: must be"],
    ["a user's output", openAi({ preferred_output: [user("Hi")] }), "preferred_output: must be turns of the assistant"],
    [
      "two prompts",
      { chosen: [user("a"), reply("b")], rejected: [user("c"), reply("d")] },
      "rejected: answers another prompt than chosen; both sides of a pair must begin with the same turns",
    ],
    [
      "two prompts and the record's",
      { prompt: "x", chosen: [user("a"), reply("b")], rejected: [user("a"), reply("d")] },
      "rejected: answers another prompt than chosen, or than the record's prompt",
    ],
    [
      "a conversation beside an answer",
      { prompt: "a", chosen: [user("a"), reply("b")], rejected: [reply("d")] },
      "rejected: answers another prompt",
    ],
    ["answers to nothing", { chosen: [reply("b")], rejected: [reply("d")] }, "prompt: is missing"],
    [
      "one that goes on from the other",
      { chosen: [user("a"), reply("b")], rejected: [user("a"), reply("b"), user("c"), reply("d")] },
      "chosen: must have an answer after the turns that both sides share",
    ],
  ])("refuses %s", (_, value, message) => {
    expect(() => read(value)).toThrow(
      expect.objectContaining({ code: "invalid_file", message: expect.stringContaining(message) }),
    );
  });
});

describe("pairExamples", () => {
  it("puts both answers behind the prompt, of which no turn is trained on", () => {
    expect(pairExamples({ prompt: "a", chosen: "b", rejected: "c" })).toEqual([
      { kind: "completion", prompt: "a", completion: "b" },
      { kind: "completion", prompt: "a", completion: "c" },
    ]);
    const prompt = [user("a"), reply("b"), user("c")] as never;
    const [chosen] = pairExamples({ prompt, chosen: "d", rejected: "e", tools: [tool] });
    expect(chosen).toEqual({
      kind: "chat",
      messages: [user("a"), { ...reply("b"), weight: 0 }, user("c"), reply("d")],
      tools: [tool],
    });
    expect(answeredPrompt("a", [reply("b")] as never)).toEqual({ kind: "chat", messages: [user("a"), reply("b")] });
  });
});

describe("parsePreferencePairs", () => {
  it("gives every pair with its line, and ends at the first that is wrong", () => {
    const text = '{"type":"metadata"}\n\n{"prompt":"a","chosen":"b","rejected":"c"}\n{"prompt":"a","chosen":"b"}\n';
    const lines = parsePreferencePairs(new TextEncoder().encode(text), { name: "p.jsonl" });
    expect(lines.next().value).toEqual({ line: 3, pair: { prompt: "a", chosen: "b", rejected: "c" } });
    expect(() => lines.next()).toThrow("line 4 of p.jsonl: rejected: must be a text");
  });
});

describe("what a pair says of its sides in numbers", () => {
  const place = { number: 5, unit: "line", file: "p.jsonl" } as const;
  const pair = { prompt: "a", chosen: "b", rejected: "c" };
  const read = (more: object) => readPreferenceRecord({ ...pair, ...more }, place);

  it("is a margin, or two ratings", () => {
    expect(read({ margin: 0.5 })).toMatchObject({ pair: { margin: 0.5 }, ignored: [] });
    expect(read({ chosen_rating: 5, rejected_rating: 5 }).pair.ratings).toEqual({ chosen: 5, rejected: 5 });
    expect(readPreferenceRecord({ ...openAi(), margin: 2 }, place).pair.margin).toBe(2);
    expect(Object.keys(read({ margin: null }).pair)).toEqual(["prompt", "chosen", "rejected"]);
  });

  it.each([
    [{ margin: -1 }, "margin: must not be negative"],
    [{ margin: "1" }, "margin: must be a number between"],
    [{ margin: Number.MAX_VALUE }, "margin: must be a number between"],
    [{ chosen_rating: 1 }, "rejected_rating: is missing beside the other one"],
    [{ rejected_rating: 1 }, "chosen_rating: is missing beside the other one"],
    [{ chosen_rating: 1, rejected_rating: 2 }, "chosen_rating: must not be less than rejected_rating"],
  ])("is refused where it makes no sense: %j", (more, message) => {
    expect(() => read(more)).toThrow(`line 5 of p.jsonl: ${message}`);
  });
});

it("knows a pair by both of its sides", () => {
  expect(isPreferenceRecord({ chosen: "a", rejected: "b" })).toBe(true);
  expect(isPreferenceRecord(openAi())).toBe(true);
  for (const value of [null, [], "a", { chosen: "a" }, { chosen: "a", rejected: null }]) {
    expect(isPreferenceRecord(value)).toBe(false);
  }
});
