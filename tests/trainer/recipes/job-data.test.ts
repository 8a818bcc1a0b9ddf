import { describe, expect, it } from "vitest";
import { defaultMethod, settingsOf, type TrainingSettings } from "../../../shared/api/methods.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { longestSequence, maskEvent, readUnits } from "../../../trainer/recipes/job-data.ts";
import { supervised } from "../../../trainer/recipes/supervised.ts";
import { tinyDataset, tinyModel } from "../tiny-model.ts";

const { config, tokenizer } = loadModelFolder(tinyModel());
const options = {
  config,
  tokenizer,
  maxLength: 128,
  date: new Date(0),
  param: "training_file",
  prompts: false,
} as const;
const file = { name: "a.jsonl", digest: "", bytes: new TextEncoder().encode(tinyDataset(3)) };
const settings = settingsOf(defaultMethod()) as TrainingSettings;
const dataset = { name: file.name, lines: [...supervised.lines(file, settings)] };

describe("longestSequence", () => {
  const param = "method.supervised.hyperparameters.max_length";
  it("is the context unless the job asks for less, and never more", () => {
    expect(longestSequence(config, undefined, { methodPositions: 0, param })).toBe(128);
    expect(longestSequence(config, 20, { methodPositions: 0, param })).toBe(20);
    expect(() => longestSequence(config, 1024, { methodPositions: 0, param })).toThrow(
      "`max_length` is 1024, but the model's context has 128 tokens: ask for at most 128",
    );
    expect(longestSequence(config, undefined, { methodPositions: 8, param })).toBe(120);
    expect(() => longestSequence(config, 121, { methodPositions: 8, param })).toThrow(
      "of which the method takes 8: ask for at most 120",
    );
  });
});

describe("readUnits", () => {
  const yieldToEventLoop = async () => undefined;

  it("reports the counts with the data behind them", async () => {
    const reports: unknown[] = [];
    const event = (reported: unknown) => void reports.push(reported);
    const { units, counts } = await readUnits(dataset, options, { event, yieldToEventLoop });
    expect(units).toHaveLength(3);
    expect(reports).toEqual([
      {
        level: "info",
        type: "message",
        message: `a.jsonl: 3 kept (0 of them truncated to 128 tokens), 0 dropped; ${counts.trainedTokens} of ${counts.tokens} tokens are trained on`,
        data: { file: "training_file", ...counts, trainableTokens: counts.trainedTokens, trainedTokens: undefined },
      },
    ]);
  });

  it("warns of what the template does with some replies, and says why there are more sequences than examples", async () => {
    const thinking = (reply: string) => `<think>\nHm.\n</think>\n\n${reply}`;
    const turns = ["one", "two"].flatMap((word) => [
      { role: "user" as const, content: word },
      { role: "assistant" as const, content: thinking(word) },
    ]);
    const cuttingTokenizer = {
      ...tokenizer,
      chatTemplate:
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if loop.last %}{{ m.content }}" +
        "{% else %}{{ m.content.split('</think>')[-1] | trim }}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}" +
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n\n</think>\n\n' }}{% endif %}",
    };
    const reports: { level: string; message: string }[] = [];
    const lines = [{ line: 7, examples: [{ kind: "chat" as const, messages: turns }] }];
    const { units } = await readUnits(
      { name: "a.jsonl", lines },
      { ...options, tokenizer: cuttingTokenizer },
      { event: (reported) => void reports.push(reported), yieldToEventLoop },
    );
    expect(units).toHaveLength(2);
    expect(reports[0]!.level).toBe("warn");
    expect(reports[0]!.message.split("\n").slice(1)).toEqual([
      "1 example became 2 sequences: the chat template shows some replies differently once others follow, so each is trained behind the prompt that it is served with",
      expect.stringMatching(
        /^2 replies are trained behind a generation prompt that .*; line 7, message 2: it is trained after the generation prompt /,
      ),
    ]);
  });

  it("names the job's file with a line that the template does not show", async () => {
    const example = { kind: "chat" as const, tools: [{ type: "function" }], messages: [] };
    const messages = [
      { role: "user" as const, content: "Q" },
      { role: "assistant" as const, content: "A" },
    ];
    const withTools = { name: "a.jsonl", lines: [{ line: 7, examples: [{ ...example, messages }] }] };
    const context = { event: () => undefined, yieldToEventLoop };
    await expect(readUnits(withTools, { ...options, param: "validation_file" }, context)).rejects.toMatchObject({
      code: "invalid_dataset",
      param: "validation_file",
      message: expect.stringMatching(/^line 7: .*does not support tools/),
    });
  });

  it("shows the trained part of an example", async () => {
    const { units } = await readUnits(dataset, options, { event: () => undefined, yieldToEventLoop });
    expect(maskEvent("a.jsonl", units[0]!, tokenizer)).toMatchObject({
      level: "info",
      message: expect.stringMatching(
        /^a\.jsonl: the first example, with the trained .*\n<\|im_start\|>user\n.*<\|im_end\|>\n<\|im_start\|>assistant\n⟦.*<\|im_end\|>⟧\n$/,
      ),
    });
  });

  it("refuses a tokenizer with ids that the model has no row for", async () => {
    const other = { ...options, config: { ...config, vocabSize: 2 } };
    await expect(readUnits(dataset, other, { event: () => undefined, yieldToEventLoop })).rejects.toThrow(
      /the tokenizer gives the id \d+, but the model's vocab_size is 2: they belong to different models/,
    );
  });
});
