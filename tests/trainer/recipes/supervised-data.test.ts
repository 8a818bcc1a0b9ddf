import { describe, expect, it } from "vitest";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { longestSequence, readDataset, withVirtualTokens } from "../../../trainer/recipes/supervised-data.ts";
import { tinyDataset, tinyModel } from "../tiny-model.ts";

const { config, tokenizer } = loadModelFolder(tinyModel());
const options = { config, tokenizer, maxLength: 128, date: new Date(0), param: "training_file" } as const;
const dataset = { name: "a.jsonl", digest: "", bytes: new TextEncoder().encode(tinyDataset(3)) };

describe("longestSequence", () => {
  it("is the context unless the job asks for less, and never more", () => {
    expect(longestSequence(config, undefined, 0)).toBe(128);
    expect(longestSequence(config, 20, 0)).toBe(20);
    expect(() => longestSequence(config, 1024, 0)).toThrow(
      "`max_length` is 1024, but the model's context has 128 tokens: ask for at most 128",
    );
    expect(longestSequence(config, undefined, 8)).toBe(120);
    expect(() => longestSequence(config, 121, 8)).toThrow("of which the method takes 8: ask for at most 120");
  });
});

describe("withVirtualTokens", () => {
  const examples = [
    { ids: Int32Array.of(5, 6, 7), labels: Int32Array.of(-100, 6, 7) },
    { ids: Int32Array.of(8), labels: Int32Array.of(8) },
  ];

  it("puts placeholders before every example, which nothing is learnt from", () => {
    expect(withVirtualTokens(examples, 2, 1)).toEqual([
      { ids: Int32Array.of(1, 1, 5, 6, 7), labels: Int32Array.of(-100, -100, -100, 6, 7) },
      { ids: Int32Array.of(1, 1, 8), labels: Int32Array.of(-100, -100, 8) },
    ]);
  });

  it("leaves them alone where there are none", () => {
    expect(withVirtualTokens(examples, 0, 1)).toBe(examples);
  });
});

describe("readDataset", () => {
  const breathe = async () => undefined;

  it("reports the counts with the data behind them", async () => {
    const reports: unknown[] = [];
    const event = (reported: unknown) => void reports.push(reported);
    const { examples, counts } = await readDataset(dataset, options, { event, breathe });
    expect(examples).toHaveLength(3);
    expect(reports).toEqual([
      {
        level: "info",
        type: "message",
        message: `a.jsonl: 3 kept (0 of them truncated to 128 tokens), 0 dropped; ${counts.trainableTokens} of ${counts.tokens} tokens are trained on`,
        data: { file: "training_file", ...counts },
      },
    ]);
  });

  it("refuses a tokenizer with ids that the model has no row for", async () => {
    const other = { ...options, config: { ...config, vocabSize: 2 } };
    await expect(readDataset(dataset, other, { event: () => undefined, breathe })).rejects.toThrow(
      /the tokenizer gives the id \d+, but the model's vocab_size is 2: they do not belong together/,
    );
  });
});
