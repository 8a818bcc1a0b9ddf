import { describe, expect, it } from "vitest";
import type { ContrastPair } from "../../../../shared/data/dataset-kinds/contrast-pairs.ts";
import { loadChatTemplate } from "../../../../shared/model/chat-template.ts";
import { loadFolderTokenizer } from "../../../../shared/model/model-folder.ts";
import type { Tokenizer } from "../../../../shared/model/tokenizer.ts";
import {
  type EncodedText,
  encodePairs,
  encodePrompts,
} from "../../../../trainer/recipes/steering-vector/contrast-texts.ts";
import { tinyModel } from "../../tiny-model.ts";
import { baseFiles } from "./steered-base.ts";

const tokenizer = loadFolderTokenizer(baseFiles);
const user = (content: string) => ({ role: "user", content }) as const;
const assistant = (content: string) => ({ role: "assistant", content }) as const;

function encode(pairs: readonly ContrastPair[], changes: { tokenizer?: Tokenizer; maxLength?: number } = {}) {
  const lines = pairs.map((pair, at) => ({ line: at + 1, pair }));
  return encodePairs(lines, {
    ...{ tokenizer, date: new Date(0), maxLength: 64 },
    yieldToEventLoop: async () => undefined,
    ...changes,
  });
}
async function positive(pair: Omit<ContrastPair, "negative">): Promise<EncodedText> {
  return (await encode([{ ...pair, negative: "something else" }])).pairs[0]!.positive;
}
const shown = ({ ids, completion }: EncodedText) => ({
  whole: tokenizer.decode([...ids]),
  completion: completion === undefined ? undefined : tokenizer.decode([...ids.slice(completion)]),
});

describe("encodePairs", () => {
  it("reads a text as it is, after its prompt", async () => {
    expect(shown(await positive({ positive: "The sea is calm." }))).toEqual({
      whole: "The sea is calm.",
      completion: "The sea is calm.",
    });
    const after = await positive({ prompt: "The sea", positive: " is calm." });
    expect(shown(after)).toEqual({ whole: "The sea is calm.", completion: " is calm." });
    expect([...after.ids]).toEqual([
      ...tokenizer.encode("The sea"),
      ...tokenizer.encode(" is calm.", { continues: "text" }),
    ]);
  });

  it("puts the tokenizer's own first token before texts", async () => {
    const withPrefix = { ...tokenizer, prefix: [1] };
    const { pairs } = await encode([{ positive: "calm", negative: "wild" }], { tokenizer: withPrefix });
    expect([...pairs[0]!.positive.ids]).toEqual([1, ...tokenizer.encode("calm")]);
    expect(pairs[0]!.positive.completion).toBe(1);
  });

  it("ends a conversation with the last token of the assistant's text, and knows where that began", async () => {
    const messages = [user("Hi"), assistant("Hello."), user("And?"), assistant("Nothing else.")];
    const read = await positive({ positive: messages });
    const prompt = loadChatTemplate(tokenizer).encodePrompt(messages.slice(0, -1));
    expect([...read.ids.slice(0, read.completion)]).toEqual(prompt);
    expect(shown(read).completion).toBe("Nothing else.");
  });

  it("makes a text after a conversation the assistant's turn, and a text before one the user's", async () => {
    const whole = await positive({ positive: [user("Hi"), assistant("Hello.")] });
    expect(await positive({ prompt: [user("Hi")], positive: "Hello." })).toEqual(whole);
    expect(await positive({ prompt: "Hi", positive: [assistant("Hello.")] })).toEqual(whole);
  });

  it("reads a conversation that ends otherwise to where the reply would begin", async () => {
    const read = await positive({ positive: [user("Hi")] });
    expect([...read.ids]).toEqual(loadChatTemplate(tokenizer).encodePrompt([user("Hi")]));
    expect(read).not.toHaveProperty("completion");
  });

  it("leaves out pairs with a side beyond the limit, and says which", async () => {
    const long = "red ".repeat(40);
    const pairs = [
      { positive: "calm", negative: "wild" },
      { positive: "calm", negative: long },
    ];
    const read = await encode(pairs, { maxLength: 8 });
    expect(read.pairs.map(({ line }) => line)).toEqual([1]);
    expect(read.tooLong).toEqual([2]);
  });

  it("refuses sides that differ as text but not as tokens, by line", async () => {
    const same = { ...tokenizer, encode: (text: string) => [...text.trim()].map((letter) => letter.charCodeAt(0)) };
    const pairs = [
      { positive: "a", negative: "b" },
      { positive: "a", negative: "a " },
    ];
    await expect(encode(pairs, { tokenizer: same as Tokenizer })).rejects.toMatchObject({
      code: "invalid_dataset",
      param: "training_file",
      message: "line 2: `positive` and `negative` are the same tokens to this model; change one of them",
    });
  });

  it("refuses what the tokenizer or the template cannot show, by line and side", async () => {
    const nothing = { ...tokenizer, encode: (text: string) => (text === "b" ? [] : [5]) } as Tokenizer;
    await expect(encode([{ positive: "a", negative: "b" }], { tokenizer: nothing })).rejects.toThrow(
      "line 1: `negative` has no token; write some text",
    );
    const { chatTemplate: _, ...without } = tokenizer;
    await expect(
      encode([{ positive: [user("a")], negative: [user("b")] }], { tokenizer: without as Tokenizer }),
    ).rejects.toMatchObject({ code: "invalid_model", message: expect.stringContaining("has no chat template") });
  });

  it("works with another template, whose turns end otherwise", async () => {
    const other = loadFolderTokenizer(tinyModel());
    const { pairs } = await encode(
      [{ positive: [user("Hi"), assistant("red one")], negative: [user("Hi"), assistant("up")] }],
      {
        tokenizer: other,
      },
    );
    const { ids, completion } = pairs[0]!.positive;
    expect(other.decode([...ids.slice(completion)]).trim()).toBe("red one");
  });
});

describe("encodePrompts", () => {
  const options = { tokenizer, date: new Date(0), maxLength: 16, yieldToEventLoop: async () => undefined };

  it("reads prompts as the sides of pairs are read, and leaves out those beyond the limit", async () => {
    const given = [
      { line: 1, text: "The sea is calm.", isPositive: true },
      { line: 2, text: "red ".repeat(40), isPositive: true },
      { line: 3, text: [user("Hi")], isPositive: false },
    ];
    const { prompts, tooLong } = await encodePrompts(given, options);
    expect(tooLong).toEqual([2]);
    expect(prompts).toEqual([
      { text: await positive({ positive: "The sea is calm." }), isPositive: true },
      { text: await positive({ positive: [user("Hi")] }), isPositive: false },
    ]);
  });

  it("names the line and the field of a prompt without a token", async () => {
    const nothing = { ...tokenizer, encode: () => [] } as Tokenizer;
    const given = [{ line: 4, text: "a", isPositive: true }];
    await expect(encodePrompts(given, { ...options, tokenizer: nothing })).rejects.toMatchObject({
      code: "invalid_dataset",
      param: "validation_file",
      message: "line 4: `text` has no token; write some text",
    });
  });
});
