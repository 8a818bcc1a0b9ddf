import { expect, it } from "vitest";
import { DatasetCheck } from "../../../edge/blobs/dataset-check.ts";
import type { UploadPurpose } from "../../../shared/api/files.ts";

const ITEM = { item: { question: "2+2?", answer: "4" } };
const PAIR = { prompt: "a", completion: "b" };

function checked(lines: readonly unknown[], purpose?: UploadPurpose): DatasetCheck {
  const check = new DatasetCheck(purpose);
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
