import { expect, test } from "vitest";
import { readTrainingRecord } from "../../../../shared/data/training-lines.ts";
import { COLLECTIONS } from "./collections.ts";

const place = { number: 7, unit: "line", file: "d.jsonl" } as const;

test.each(COLLECTIONS.map((one) => [one.collection, one] as const))("%s is read as it comes", (_, expected) => {
  const { examples, format, ignored } = readTrainingRecord(expected.record, place);
  expect({ examples, format: format.id, ignored }).toEqual({
    examples: expected.examples,
    format: expected.format,
    ignored: expected.ignored,
  });
  // Said by its name, it is the same.
  expect(readTrainingRecord(expected.record, place, expected.format).examples).toEqual(expected.examples);
});

test.each<[string, unknown, string]>([
  ["lima", { conversations: ["q", 5] }, "conversations: must be a list of texts"],
  ["ultrachat", { data: Array.from({ length: 1001 }, () => "x") }, "data: must have at most 1000 texts"],
  ["capybara", { conversation: [{ input: "q" }] }, "conversation[0]: must have an input and an output"],
  ["capybara", { conversation: [{ input: "q", output: 3 }] }, "conversation[0].output: must be a text"],
  ["self_instruct", { instruction: "i", instances: [] }, "instances: must be a list of 1 to 1000"],
  ["self_instruct", { instruction: "i", instances: [{ input: "a" }] }, "instances[0].output: must be a text"],
  ["flan", { inputs: [1, 2], targets: [3] }, "inputs: are ids of another model's tokens"],
  ["flan", { inputs: "i", targets: [] }, "targets: must be a text, or a list with at least one text"],
  ["p3", { inputs_pretokenized: "i", targets_pretokenized: "t", is_correct: "maybe" }, "is_correct: must be true or"],
  ["natural_instructions_task", { Definition: [], input: "i", output: "o" }, "Definition: must be a text, not a list"],
  ["openassistant", { message_tree_id: "t", prompt: { role: "prompter", text: "q" } }, "prompt: has no reply"],
  ["openassistant", { message_tree_id: "t", prompt: { role: "bot", text: "q" } }, "prompt.role: must be prompter or"],
  [
    "openassistant",
    { message_tree_id: "t", prompt: { role: "prompter", text: "q", replies: [{ role: "assistant" }] } },
    "prompt.replies[0].text: must be a text",
  ],
  ["xlam", { query: "q", answers: "[]", tools: "[]" }, "answers: holds no call"],
  ["xlam", { query: "q", answers: [{}], tools: [] }, "answers[0].name: must be the name of the function"],
  [
    "xlam",
    { query: "q", answers: [{ name: "f" }], tools: [{ name: "f", parameters: { a: "str" } }] },
    'tools[0].parameters: must be {"NAME": {"type": "str"',
  ],
  ["glaive", { system: "", chat: "Hello. USER: hi" }, "chat: must begin with USER:"],
  ["glaive", { system: "", chat: "USER: a\n".repeat(1001) }, "chat: must have at most 1000 turns"],
  ["glaive", { system: "S:\n{oops}", chat: "USER: a" }, "system: function 1 must be the JSON of an object"],
  [
    "glaive",
    { system: "", chat: `USER: a\nASSISTANT: <functioncall> {"name": "f", "arguments": '{a}'}` },
    'chat[1]: must have {"name": …',
  ],
  ["glaive_sample", { sample: "Hello." }, "sample: must begin with USER:"],
])("%s refuses %j", (format, record, message) => {
  expect(() => readTrainingRecord(record, place, format)).toThrow(`line 7 of d.jsonl: ${message}`);
});

test("a message of OpenAssistant's table is refused with where the conversations are", () => {
  const row = { message_id: "m", parent_id: null, text: "t", role: "prompter", lang: "en" };
  expect(() => readTrainingRecord(row, place)).toThrow(/message_id: is of one message.*_trees\.jsonl\.gz/);
});

test("threads that would repeat a long beginning too often are refused", () => {
  const replies = (count: number, text: string) => ({
    message_tree_id: "t",
    prompt: {
      ...{ role: "prompter", text },
      replies: Array.from({ length: count }, () => ({ role: "assistant", text: "a" })),
    },
  });
  expect(readTrainingRecord(replies(256, "q"), place).examples).toHaveLength(256);
  expect(() => readTrainingRecord(replies(257, "q"), place)).toThrow(/more than 256 threads/);
  expect(() => readTrainingRecord(replies(5, "q".repeat(1 << 20)), place)).toThrow(/4194304 characters/);
});

test("a line has the first format that it fits, and is held to the one that it was said to have", () => {
  const line = { messages: [{ role: "user", content: "q" }], question: "x", answer: "y" };
  expect(readTrainingRecord(line, place).format.id).toBe("chat");
  expect(readTrainingRecord(line, place, "gsm8k").format.id).toBe("gsm8k");
  expect(() => readTrainingRecord(line, place, "alpaca")).toThrow(
    'line 7 of d.jsonl is not Alpaca, as the upload\'s format says: it has no instruction; its fields are "messages", "question", "answer"',
  );
});
