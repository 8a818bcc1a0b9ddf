import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type DryRunOptions, dryRun } from "../../../shared/data/dry-run.ts";
import { parseTrainingLine } from "../../../shared/data/training-lines.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";

const hub = new URL("../../golden/tokenizer/hub/gpt2-like/", import.meta.url);
const text = (path: string) => readFileSync(new URL(path, hub), "utf8");
const load = (chatTemplate?: string) =>
  loadTokenizer(JSON.parse(text("tokenizer.json")), JSON.parse(text("tokenizer_config.json")), { chatTemplate });
const tokenizer = load(text("chat_template.jinja"));

let breaths = 0;
const options: DryRunOptions = {
  tokenizer,
  maxLength: 99,
  examples: 2,
  maxLines: 100,
  maxTokens: 100_000,
  shownTokens: 50,
  shownSequences: 4,
  yieldToEventLoop: async () => void breaths++,
  clock: () => new Date(0),
};
const chat = (question: string, reply: string, more: object = {}) => ({
  messages: [
    { role: "user", content: question },
    { role: "assistant", content: reply, ...more },
  ],
});
function* lines(...values: object[]) {
  for (const [index, value] of values.entries())
    yield { line: index + 1, examples: [parseTrainingLine(value, index + 1)] };
}

describe("dryRun", () => {
  test("counts all lines and shows the first ones with their trained parts", async () => {
    const run = await dryRun(lines(chat("Q", "A"), chat("Q", "B", { weight: 0 }), chat("Q", "C")), options);
    expect(run).toMatchObject({ lines: 3, complete: true, error: undefined, counts: { kept: 2, dropped: 1 } });
    expect(run.notes).toEqual(["line 2 is left out: it has no assistant message with weight 1"]);
    expect(run.examples.map(({ line, dropped }) => [line, dropped?.reason])).toEqual([
      [1, undefined],
      [2, "nothing_to_learn"],
    ]);
    const [sequence] = run.examples[0]!.sequences;
    expect(sequence!.segments.map(({ text, trained }) => [text, trained])).toEqual([
      ["<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n", false],
      ["A<|im_end|>", true],
      ["\n", false],
    ]);
    const shown = sequence!.segments.reduce((sum, { tokens }) => sum + tokens.length, 0);
    expect(sequence).toMatchObject({ tokens: shown, truncated: false });
    expect(sequence!.trainedTokens).toBe(sequence!.segments[1]!.tokens.length);
  });

  test("says where an example is truncated", async () => {
    const long = chat("Q", "A reply that is quite a bit longer than the limit allows it to be");
    const { examples } = await dryRun(lines(long), { ...options, maxLength: 24 });
    expect(examples[0]!.sequences[0]).toMatchObject({ tokens: 24, truncated: true });
  });

  test("shows no more than it may, of an example and of the file", async () => {
    const limited = { ...options, shownTokens: 5, maxLines: 2 };
    const run = await dryRun(lines(chat("Q", "A"), chat("Q", "A"), chat("Q", "A")), limited);
    expect(run).toMatchObject({ lines: 2, complete: false });
    const [sequence] = run.examples[0]!.sequences;
    expect(sequence!.segments.flatMap(({ tokens }) => tokens)).toHaveLength(5);
    expect(sequence!.tokens).toBeGreaterThan(5);
    expect(await dryRun(lines(chat("Q", "A"), chat("Q", "A")), { ...options, maxTokens: 1 })).toMatchObject({
      lines: 1,
    });
  });

  test("lets others get on", async () => {
    breaths = 0;
    await dryRun(lines(...Array.from({ length: 20 }, () => chat("word ".repeat(400), "A"))), options);
    expect(breaths).toBeGreaterThan(0);
  });

  test("what would end the job is in the result", async () => {
    const nothing = await dryRun(lines(chat("Q", "A", { weight: 0 })), options);
    expect(nothing.error).toMatchObject({
      code: "invalid_dataset",
      message: expect.stringMatching(/^the dataset has no token to train on; of its 1 examples, 1 have no assistant/),
    });
    const tools = { ...chat("Q", "A"), tools: [{ type: "function", function: {} }] };
    const unsupported = await dryRun(lines(chat("Q", "A"), tools, chat("Q", "A")), options);
    expect(unsupported).toMatchObject({ lines: 2, complete: false, counts: { kept: 1 } });
    expect(unsupported.error!.message).toMatch(/^line 2: .*does not support tools/);
    const untemplated = await dryRun(lines(chat("Q", "A")), { ...options, tokenizer: load() });
    expect(untemplated.error).toMatchObject({ code: "invalid_model" });
    const bad = await dryRun(lines(chat("Q", "A"), { messages: 1 }), options);
    expect(bad.error).toMatchObject({ code: "invalid_file", message: expect.stringMatching(/^line 2 /) });
  });
});
