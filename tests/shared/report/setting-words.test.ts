import { expect, it } from "vitest";
import { filesInWords, wordsFor } from "../../../shared/report/setting-words.ts";

const PATH = "training_file";
const A = "file-aaaaaaaaaaaaaaaaaaaaaaaa";
const B = "file-bbbbbbbbbbbbbbbbbbbbbbbb";

function wordsOf(...values: unknown[]): string[] {
  const inWords = wordsFor(values.map((value) => ({ settings: { [PATH]: value } })));
  return values.map(inWords);
}

it("writes a list of files as a sum, each by the beginning of its id", () => {
  expect(wordsOf(A, [A, { id: B, weight: 2 }], [A, { id: B, max_examples: 300 }])).toEqual([
    A,
    "file-aaaaaa… + 2 × file-bbbbbb…",
    "file-aaaaaa… + file-bbbbbb… (at most 300)",
  ]);
  expect(filesInWords([A, { id: B, weight: 0.5 }], (id) => id)).toBe(`${A} + 0.5 × ${B}`);
});

it("tells values apart that are cut to the same words", () => {
  const files = (last: string) => Array.from({ length: 6 }, (_, n) => `file-${n}${"x".repeat(20)}`).concat(last);
  const [first, second, again] = wordsOf(files("file-y"), files("file-z"), files("file-y"));
  expect(first).toHaveLength(48);
  expect(second).toBe(`${first} (2)`);
  expect(again).toBe(first);
});

it("leaves numbers, names and other lists as they are", () => {
  expect(wordsOf(4, "4", "lora", ["q_proj", "v_proj"], [], null, { type: "lora", r: 2 })).toEqual([
    ...["4", "4", "lora", '["q_proj","v_proj"]', "[]", "null", '{"type":"lora","r":2}'],
  ]);
});
