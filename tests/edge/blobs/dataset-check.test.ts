import { expect, it } from "vitest";
import { DatasetCheck } from "../../../edge/blobs/dataset-check.ts";
import type { UploadPurpose } from "../../../shared/api/files.ts";
import { type SaidFormat, saidFormat } from "../../../shared/data/said-format.ts";

const ITEM = { item: { question: "2+2?", answer: "4" } };
const PAIR = { prompt: "a", completion: "b" };

function checked(lines: readonly unknown[], purpose?: UploadPurpose, said?: SaidFormat): DatasetCheck {
  const check = new DatasetCheck({ purpose, said });
  check.push(new TextEncoder().encode(lines.map((line) => JSON.stringify(line)).join("\n")));
  check.end();
  return check;
}

it("takes any objects but to train on", () => {
  for (const purpose of ["evals", "user_data"] as const) {
    for (const check of [checked([ITEM, PAIR], purpose), checked([ITEM, PAIR])]) {
      expect(check.facts(purpose)).toEqual({
        format: "objects",
        lines: 2,
        trainable: 0,
        dataset: {
          format: "jsonl",
          compression: null,
          examples: 2,
          layouts: [],
          ignored_columns: [],
          kinds: [],
        },
      });
    }
  }
  expect(() => checked([ITEM], "fine-tune")).toThrow(/line 1 of the file fits no known format/);
});

it("keeps what a file to train on must be until the purpose is known", () => {
  const late = checked([PAIR, ITEM, 3].slice(0, 2));
  expect(() => late.facts("fine-tune")).toThrow(/line 2 of the file fits no known format/);
  expect(late.facts("evals").lines).toBe(2);
  expect(checked([PAIR]).facts("fine-tune")).toMatchObject({ format: "completion", trainable: 1 });
});

it("refuses what is no object, whatever the purpose", () => {
  for (const purpose of [undefined, "fine-tune", "evals"] as const) {
    expect(() => checked([PAIR, [1]], purpose)).toThrow(/line 2 of the file is not a JSON object/);
  }
});

it("counts a first line of metadata where lines are objects", () => {
  const lines = [{ type: "metadata", version: 2 }, PAIR];
  expect(checked(lines).facts("fine-tune").lines).toBe(1);
  expect(checked(lines).facts("evals").lines).toBe(2);
  expect(() => checked(lines.slice(0, 1)).facts("fine-tune")).toThrow(/no example/);
});

it("says how lines are written, how many of each and from where, and holds a file to what it was said to be", () => {
  const alpaca = { instruction: "i", input: "", output: "o" };
  const task = {
    instruction: "i",
    instances: [
      { input: "a", output: "b" },
      { input: "c", output: "d" },
    ],
  };
  expect(checked([PAIR, alpaca, task, PAIR], "fine-tune").facts("fine-tune")).toMatchObject({
    format: "mixed",
    lines: 4,
    dataset: {
      examples: 5,
      layouts: ["prompt and completion", "Alpaca", "Self-Instruct"],
      formats: [
        { format: "prompt_completion", examples: 2, first_line: 1 },
        { format: "alpaca", examples: 1, first_line: 2 },
        { format: "self_instruct", examples: 2, first_line: 3 },
      ],
    },
  });
  const both = { ...PAIR, ...alpaca };
  expect(checked([both, alpaca], "fine-tune", saidFormat("alpaca")).facts("fine-tune").dataset).toMatchObject({
    said_format: "alpaca",
    formats: [{ format: "alpaca", examples: 2, first_line: 1 }],
    ignored_columns: ["prompt", "completion"],
  });
  expect(() => checked([alpaca, PAIR], "fine-tune", saidFormat("alpaca"))).toThrow(
    "line 2 of the file is not Alpaca, as the upload's format says: it has no instruction; its fields are",
  );
  expect(() => checked([PAIR], "fine-tune", saidFormat("facts"))).toThrow(/line 1 of the file/);
});
