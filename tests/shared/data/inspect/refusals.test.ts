import { describe, expect, test } from "vitest";
import { refusalIn } from "../../../../shared/data/inspect/refusals.ts";

const REFUSING: readonly (readonly [reply: string, pattern: string])[] = [
  ["I'm sorry, but I can't help with that.", "cannot_help"],
  ["I cannot provide instructions for that.", "cannot_help"],
  ["Sorry, I can’t assist with that request.", "cannot_help"],
  ["I am unable to provide medical advice of this kind.", "cannot_help"],
  ["I won't help you deceive your landlord.", "cannot_help"],
  ["I must decline to write this.", "cannot_help"],
  ["  I apologize, but I cannot fulfill this request as it goes against my guidelines.", "cannot_help"],
  ["As an AI language model, I do not have personal opinions.", "as_an_ai"],
  ["I'm just an assistant, and as a language model I cannot browse.", "as_an_ai"],
  ["I'm sorry, but it is not possible to say that about a person.", "apology"],
  ["This request is harmful, and it hurts people.", "inappropriate"],
  ["Unfortunately, there is not enough information to say who won.", "cannot_answer"],
];
const ANSWERING = [
  "I can't believe it's already autumn! Here is a poem about leaves.",
  "Sorry for the wait: the answer is 42.",
  "You cannot divide by zero, since no number times zero is one.",
  "The request is a line of text that a browser sends.",
  "She said: I'm sorry, but I can't help you.",
  "We can help you with that: open the lid first.",
  "Artificial intelligence is a field of computer science.",
  "",
];

describe("refusalIn", () => {
  test.each(REFUSING)("finds %j", (reply, pattern) => expect(refusalIn(reply)).toBe(pattern));

  test.each(ANSWERING)("passes over %j", (reply) => expect(refusalIn(reply)).toBeUndefined());

  test("looks at the beginning of a reply alone", () => {
    expect(refusalIn(`${"A fine day. ".repeat(40)} I cannot help with that.`)).toBeUndefined();
  });
});
