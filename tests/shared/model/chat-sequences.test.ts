import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { encodeTurns } from "../../../shared/model/chat-sequences.ts";
import type { Turn } from "../../../shared/model/chat-spans.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";

const hub = new URL("../../golden/tokenizer/hub/", import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(new URL(path, hub), "utf8"));
const load = (kind: string) => loadTokenizer(json(`${kind}/tokenizer.json`), json(`${kind}/tokenizer_config.json`));
const byteLevel = load("gpt2-like");
const sentencePiece = load("llama2-like");

const turn = (prompt: string, reply: string, more: Partial<Turn> = {}): Turn => ({
  message: 1,
  prompt,
  reply,
  closed: true,
  rest: "",
  trained: [{ start: 0, end: reply.length }],
  ...more,
});

/** Each sequence as texts, split where learning begins or ends. */
function read(tokenizer: typeof byteLevel, turns: readonly Turn[]) {
  return encodeTurns({ tokenizer, turns, unmask: (text) => text }).map(({ ids, labels }) => {
    const tokens = ids.map((id, at) => [tokenizer.tokenOf(id), labels[at] === id] as const);
    return {
      text: tokenizer.decode(ids),
      learnt: tokens.filter(([, is]) => is).map(([token]) => token),
      before: tokens.slice(
        0,
        tokens.findIndex(([, is]) => is),
      ),
    };
  });
}

describe("SentencePiece", () => {
  test("a reply continues the prompt: one mark for its space, and none where there is no space", () => {
    const [spaced] = read(sentencePiece, [turn("<s>[INST] the [/INST]", " the</s>")]);
    expect(spaced!.learnt).toEqual([...["▁the"], "</s>"]);
    const [unspaced] = read(sentencePiece, [turn("<s>[INST] the [/INST] ", "the</s>")]);
    expect(unspaced!.text).toBe("<s> [INST] the [/INST] the</s>");
    expect(unspaced!.learnt!.join("")).toBe("the</s>");
  });
});

describe("byte-level", () => {
  test("a line break at the edge is not merged with the prompt's", () => {
    const prompt = "<|im_start|>assistant\n";
    const [sequence] = read(byteLevel, [turn(prompt, "\n\nHi<|im_end|>")]);
    expect(sequence!.text).toBe(`${prompt}\n\nHi<|im_end|>`);
    const served = byteLevel.encodeTrusted(prompt).map((id) => byteLevel.tokenOf(id));
    expect(sequence!.before.map(([token]) => token)).toEqual(served);
  });

  test("turns share a sequence while each prompt begins with the one before, to the last token", () => {
    const one = turn("<|im_start|>Q", "A<|im_end|>", { rest: "\n" });
    const two = turn("<|im_start|>QA<|im_end|>\nQ", "B<|im_end|>", { rest: "\n" });
    const other = turn("<|im_start|>Q?<|im_end|>\nQ", "C<|im_end|>");
    expect(read(byteLevel, [one, two, other]).map(({ text }) => text)).toEqual([
      "<|im_start|>QA<|im_end|>\nQB<|im_end|>\n",
      "<|im_start|>Q?<|im_end|>\nQC<|im_end|>",
    ]);
  });

  test("a reply that nothing closes ends with end-of-text, which its successor does not have", () => {
    const one = turn("Q", "A", { closed: false, rest: "\n" });
    const two = turn("QA\nQ", "B", { closed: false });
    expect(read(byteLevel, [one, two]).map(({ text }) => text)).toEqual(["QA<|im_end|>", "QA\nQB<|im_end|>"]);
  });

  test("only the trained parts of a reply have labels", () => {
    const part = turn("Q", "idea: A<|im_end|>", { trained: [{ start: 6, end: 17 }] });
    const [sequence] = read(byteLevel, [part]);
    expect(sequence!.learnt.join("")).toBe("A<|im_end|>");
    expect(sequence!.text).toBe("Qidea: A<|im_end|>");
  });
});
