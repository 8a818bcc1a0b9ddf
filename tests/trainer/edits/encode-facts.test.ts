import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EditFact } from "../../../shared/edits/fact.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadTokenizer, type Tokenizer } from "../../../shared/model/tokenizer.ts";
import { createFactEncoder, joinedText } from "../../../trainer/edits/encode-facts.ts";

function tokenizerOf(name: string): Tokenizer {
  const read = (file: string) =>
    readFileSync(new URL(`../../golden/tokenizer/hub/${name}/${file}`, import.meta.url), "utf8");
  const config = JSON.parse(read("tokenizer_config.json"));
  let chatTemplate: string | undefined;
  try {
    chatTemplate = read("chat_template.jinja");
  } catch {
    chatTemplate = undefined;
  }
  return loadTokenizer(JSON.parse(read("tokenizer.json")), config, { chatTemplate });
}

const encoderOf = (tokenizer: Tokenizer, options: object = {}) =>
  createFactEncoder({
    ...{ tokenizer, template: () => loadChatTemplate(tokenizer, { clock: () => new Date(0) }), maxLength: 200 },
    ...{ format: "text" as const, ...options },
  });
const placed = (prompt: string, subject: string, target = "red") => ({
  ...{ index: 4, line: 5 },
  fact: EditFact.parse({ prompt, subject, target_new: target }),
});

// Byte-level BPE, and SentencePiece's marks of a word's beginning.
describe.each(["gpt2-like", "llama2-like", "llama3-like"])("facts with a tokenizer like %s", (name) => {
  const tokenizer = tokenizerOf(name);
  const encoder = encoderOf(tokenizer);

  it.each([
    ["The capital of France is", "France"],
    ["France is in", "France"],
    ["France is in", " France "],
    ["We speak of Åland", "Åland"],
    ["The 😀 is", "😀"],
    ["  spaces before Chad and  inside it ", "Chad and  inside"],
    ["一法国的首都是", "法国"],
  ])("of %j end their subject %j at the token with its last character", (prompt, subject) => {
    for (const prefix of ["", "It was late"]) {
      const { contexts } = encoder.encode(placed(prompt, subject), prefix === "" ? [] : [prefix]);
      const { ids, at } = contexts.at(-1)!;
      // A character that lacks bytes is not there yet.
      const whole = (end: number) =>
        tokenizer.decode([...ids.slice(0, end)], { skipSpecial: true }).replace(/\uFFFD/g, "");
      const before = whole(at);
      const after = whole(at + 1);
      const text = prefix === "" ? prompt : joinedText(prefix, prompt);
      const end = text.trim().slice(0, text.trim().lastIndexOf(subject.trim()) + subject.trim().length);
      expect(after.trimStart().length).toBeGreaterThanOrEqual(end.length);
      expect(before.trimStart().length).toBeLessThan(end.length);
    }
  });

  it("keep the bare prompt first, as serving encodes it, without spaces at its end", () => {
    const { contexts, subjectAlone } = encoder.encode(placed("Snow is ", "Snow"), ["One", "Two two"]);
    expect(contexts).toHaveLength(3);
    expect([...contexts[0]!.ids]).toEqual([...tokenizer.prefix, ...tokenizer.encode("Snow is")]);
    expect(subjectAlone.at).toBe(subjectAlone.ids.length - 1);
    expect(tokenizer.decode([...subjectAlone.ids])).toContain("Snow");
  });

  it("continue the prompt with the target, behind a space where words have one", () => {
    for (const target of ["red", " red", "red "]) {
      const { contexts, target: ids } = encoder.encode(placed("Snow is", "Snow", target), []);
      expect(tokenizer.decode([...contexts[0]!.ids, ...ids])).toMatch(/Snow is red$/);
    }
  });
});

describe("facts", () => {
  const tokenizer = tokenizerOf("gpt2-like");

  it("of chats are a user's turn, which the target answers", () => {
    const encoder = encoderOf(tokenizer, { format: "chat" });
    const { contexts, target } = encoder.encode(placed("What colour is snow?", "snow", " red"), ["Hello"]);
    const template = loadChatTemplate(tokenizer, { clock: () => new Date(0) });
    expect([...contexts[0]!.ids]).toEqual(template.encodePrompt([{ role: "user", content: "What colour is snow?" }]));
    expect(tokenizer.decode([...contexts[1]!.ids])).toContain("Hello. What colour is snow?");
    expect(tokenizer.decode(target)).toBe("red");
    for (const { ids, at } of contexts) expect(tokenizer.decode([...ids.slice(0, at + 1)])).toMatch(/snow$/);
  });

  it("take the bare prompt in place of one that does not fit behind its prefix", () => {
    const encoder = encoderOf(tokenizer, { maxLength: 20 });
    const { contexts } = encoder.encode(placed("Snow is", "Snow"), [
      "a text that is by far too long to stand before it",
    ]);
    expect(contexts[1]).toBe(contexts[0]);
  });

  it("that cannot be edited are refused by line and field", () => {
    const short = encoderOf(tokenizer, { maxLength: 3 });
    const refusal = (field: string, message: string) =>
      expect.objectContaining({ code: "invalid_dataset", message, data: { line: 5, fact: 4, field } });
    expect(() => short.encode(placed("Snow is", "Snow"), [])).toThrow(
      refusal("prompt", "line 5: prompt: has with its target more tokens than the model's context of 3"),
    );
    const forgetful = { ...tokenizer, decode: (ids: readonly number[]) => tokenizer.decode(ids).replaceAll("red", "") };
    expect(() => encoderOf(forgetful).encode(placed("Snow is", "Snow"), [])).toThrow(
      refusal(
        "target_new",
        "line 5: target_new: has text that the model's vocabulary cannot express; word it otherwise",
      ),
    );
    const blind = { ...tokenizer, decode: (ids: readonly number[]) => tokenizer.decode(ids).replaceAll("Snow", "Ice") };
    expect(() => encoderOf(blind).encode(placed("Snow is", "Snow"), [])).toThrow("line 5: subject: cannot be found");
  });
});
