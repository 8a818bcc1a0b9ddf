import { expect, it } from "vitest";
import { parsePreferencePairs } from "../../../../shared/data/preference-pair.ts";
import { parseTrainingFile } from "../../../../shared/data/training-lines.ts";
import { inParts, keptFiles, trainingFile, trainingLines } from "../../../../trainer/recipes/constitutional/files.ts";
import type { LabelledPair, RevisedReply } from "../../../../trainer/recipes/constitutional/records.ts";

const turns = [
  { role: "user", content: "hi" },
  { role: "assistant", content: "hello" },
  { role: "user", content: "salt?" },
] as const;
const place = { part: "training", line: 1 } as const;
const revised: RevisedReply = {
  ...{ kind: "revised", ...place, prompt: turns, sample: 0, reply: "no", ended: true },
  rounds: [
    { principle: "kind", critique: "curt", revision: "please" },
    { principle: "brief", revision: null, problem: "the answer was empty" },
  ],
};
const pair: LabelledPair = {
  ...{ kind: "labelled", ...place, prompt: "Once", pair: 0, principle: "kind", a: " x", b: " y", better: "b" },
  probabilities: { a_first: 0.25, b_first: 0.35, mean: 0.3 },
};
const read = (lines: readonly object[]) => [...parseTrainingFile(trainingFile(lines))].map(({ example }) => example);

it("the last usable revision is imitated, and nothing that the assistant said before", () => {
  expect(read(trainingLines([revised, { ...revised, part: "validation" }], "training"))).toEqual([
    {
      kind: "chat",
      messages: [turns[0], { ...turns[1], weight: 0 }, turns[2], { role: "assistant", content: "please" }],
    },
  ]);
  const text = { ...revised, prompt: "Once", rounds: [{ principle: "kind", revision: " upon a time" }] };
  expect(read(trainingLines([text], "training"))).toEqual([
    { kind: "completion", prompt: "Once", completion: " upon a time" },
  ]);
  expect(trainingLines([{ ...revised, rounds: [] }], "training")).toEqual([]);
});

it("the better reply is preferred, and ties are left out", () => {
  const lines = trainingLines(
    [pair, { ...pair, prompt: turns, better: "a" }, { ...pair, better: null, none: "tie" }],
    "training",
  );
  const pairs = [...parsePreferencePairs(trainingFile(lines))].map((line) => line.pair);
  expect(pairs).toMatchObject([
    { prompt: "Once", chosen: " y", rejected: " x" },
    { chosen: " x", rejected: " y" },
  ]);
  expect(pairs).toHaveLength(2);
});

it("is kept in parts of whole lines where it is too large for one file", () => {
  const bytes = new TextEncoder().encode("one\ntwo\nthree\nfour\n");
  const parts = (most: number) =>
    inParts({ name: "a.b.jsonl", bytes }, most).map((part) => [part.name, new TextDecoder().decode(part.bytes)]);
  expect(parts(19)).toEqual([["a.b.jsonl", "one\ntwo\nthree\nfour\n"]]);
  expect(parts(18)).toEqual([
    ["a.b.jsonl", "one\ntwo\nthree\n"],
    ["a.b-2.jsonl", "four\n"],
  ]);
  expect(parts(8).map(([, text]) => text)).toEqual(["one\ntwo\n", "three\n", "four\n"]);
  expect(
    parts(3)
      .map(([, text]) => text)
      .join(""),
  ).toBe("one\ntwo\nthree\nfour\n");
  expect(inParts({ name: "empty.md", bytes: new Uint8Array() })).toHaveLength(1);
});

it("every critique, revision and label can be read, in lines and in a text", () => {
  const files = new Map(keptFiles([revised, pair]).map(({ name, bytes }) => [name, new TextDecoder().decode(bytes)]));
  const lines = (name: string) =>
    files
      .get(name)!
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
  expect(lines("critiques.jsonl")).toMatchObject([
    { line: 1, round: 1, principle: "kind", reply: "no", critique: "curt", problem: null },
    { line: 1, round: 2, principle: "brief", reply: "please", critique: null, problem: "the answer was empty" },
  ]);
  expect(lines("revisions.jsonl")).toMatchObject([
    { round: 1, before: "no", after: "please" },
    { round: 2, before: "please", after: null, problem: "the answer was empty" },
  ]);
  expect(lines("labels.jsonl")).toMatchObject([{ a: " x", b: " y", better: "b", probabilities: { mean: 0.3 } }]);
  const text = files.get("transcript.md")!;
  for (const part of [
    "> user: salt?",
    "Critique:\n\n> curt",
    "No revision: the answer was empty",
    "Better: B",
    "0.25 with A",
  ]) {
    expect(text).toContain(part);
  }
  expect(keptFiles([pair]).map(({ name }) => name)).toEqual(["labels.jsonl", "transcript.md"]);
});
