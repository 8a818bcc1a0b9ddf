import { expect, it } from "vitest";
import { facts, parseFacts } from "../../../../shared/data/dataset-kinds/facts.ts";
import { KindCheck } from "../../../../shared/data/dataset-kinds/kind-check.ts";
import { LIMITS } from "../../../../shared/limits.ts";

const place = (number: number) => ({ number, unit: "line", file: "k" }) as const;
const paris = { prompt: "The capital of France is", subject: "France", target_new: "Lyon" };
const bytes = (...lines: object[]) => new TextEncoder().encode(lines.map((line) => JSON.stringify(line)).join("\n"));

it("are recognised, and are no prompts to answer", () => {
  const kinds = new KindCheck();
  kinds.add({ ...paris, target_true: null }, place(1));
  expect(kinds.end()).toMatchObject({ kinds: ["facts"], layouts: ["fact"], trainable: 1, ignored: [] });
});

it("are read with their lines", () => {
  const chad = { ...paris, prompt: "The capital of Chad is", subject: "Chad", kind: "fact" };
  expect(parseFacts(bytes({ type: "metadata" }, paris, chad))).toEqual([
    { line: 2, fact: { ...paris, kind: "fact" } },
    { line: 3, fact: chad },
  ]);
});

it.each([
  [{ ...paris, subject: "Chad" }, 'line 1 of k: subject: "Chad" is not in the prompt'],
  [{ ...paris, prompt: "France is France" }, "line 1 of k: subject: "],
  [{ ...paris, target_new: "" }, "line 1 of k: target_new: must not be empty"],
  [{ ...paris, neighbors: [] }, "line 1 of k: neighbors: is an unknown field"],
  [{ ...paris, paraphrases: [1] }, "line 1 of k: paraphrases[0]: must be a string"],
])("names the line and the field: %j", (line, message) => {
  expect(() => parseFacts(bytes(line), { name: "k" })).toThrow(message);
  const kinds = new KindCheck();
  expect(() => kinds.add(line, place(1))).toThrow(message);
});

it("refuses facts of one file that contradict each other, by the later line", () => {
  const other = { ...paris, target_new: "Nice" };
  const message = "line 2 of k: target_new: contradicts fact 0";
  expect(() => parseFacts(bytes(paris, other), { name: "k" })).toThrow(message);
  const kinds = new KindCheck();
  kinds.add(paris, place(1));
  expect(() => kinds.add(other, place(2))).toThrow(message);
});

it("refuses more facts than one edit may have", () => {
  const tally = facts.tally!();
  const record = facts.read(paris, place(1));
  for (let i = 0; i < LIMITS.editFacts; i++) tally.add(record);
  expect(() => tally.add(record)).toThrow("k has more than 2000 facts");
});
