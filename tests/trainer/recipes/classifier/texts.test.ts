import { describe, expect, it } from "vitest";
import { readTexts } from "../../../../trainer/recipes/classifier/texts.ts";

const dataset = (lines: readonly unknown[], name = "a.jsonl") => ({
  name,
  digest: "d".repeat(64),
  bytes: new TextEncoder().encode(lines.map((line) => JSON.stringify(line)).join("\n")),
});
const texts = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).flatMap(([label, count]) =>
    Array.from({ length: count }, (_, n) => ({ text: `${label} ${n}`, label })),
  );
const read = (lines: readonly unknown[], validation: readonly unknown[] | null = null, seed = 1) =>
  readTexts(dataset(lines), validation && dataset(validation, "v.jsonl"), seed);

describe("readTexts", () => {
  it("sorts labels, numbers by their value, and counts their shares", () => {
    const found = read(texts({ "10": 10, "2": 30 }));
    expect(found.labels).toEqual(["2", "10"]);
    expect(found.prior).toEqual([0.75, 0.25]);
    expect(read(texts({ b: 10, a: 10 })).labels).toEqual(["a", "b"]);
  });

  it("holds out a tenth of each class, the same for the same seed", () => {
    const lines = texts({ a: 40, b: 20 });
    const found = read(lines);
    expect(found.calibratedOn).toBe("held_out");
    expect(found.validation.map(({ label }) => label).sort()).toEqual(["a", "a", "a", "a", "b", "b"]);
    expect(found.training).toHaveLength(54);
    expect(new Set([...found.training, ...found.validation].map(({ line }) => line)).size).toBe(60);
    expect(read(lines)).toEqual(found);
    expect(read(lines, null, 2).validation).not.toEqual(found.validation);
  });

  it("keeps copies of a text on one side", () => {
    const lines = texts({ a: 20, b: 20 });
    const { training, validation } = read([...lines, ...lines, ...lines]);
    expect(validation).toHaveLength(12);
    const held = new Set(validation.map(({ text }) => text));
    expect(training.some(({ text }) => held.has(text))).toBe(false);
  });

  it("takes the validation file where there is one, and all texts where there are few", () => {
    const given = read(texts({ a: 20, b: 20 }), texts({ a: 1, b: 2 }));
    expect(given).toMatchObject({ calibratedOn: "validation_file" });
    expect([given.training.length, given.validation.length]).toEqual([40, 3]);
    const few = read(texts({ a: 20, b: 9 }));
    expect(few.calibratedOn).toBe("training_file");
    expect(few.validation).toEqual(few.training);
  });

  it("counts texts that have several labels", () => {
    expect(
      read([...texts({ a: 3, b: 3 }), { text: "a 0", label: "b" }, { text: "a 0", label: "a" }]).contradictory,
    ).toBe(1);
  });

  it.each<[string, readonly unknown[], readonly unknown[] | null, object]>([
    ["one class", texts({ a: 3 }), null, { code: "invalid_dataset", param: "training_file" }],
    ["no text", [{ type: "metadata" }], null, { code: "invalid_dataset", param: "training_file" }],
    [
      "33 classes",
      texts(Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`l${n}`, 1]))),
      null,
      { code: "invalid_dataset", param: "training_file", message: expect.stringContaining("33 labels") },
    ],
    [
      "a foreign label",
      texts({ a: 3, b: 3 }),
      [{ text: "t", label: "c" }],
      {
        code: "invalid_dataset",
        param: "validation_file",
        message: expect.stringContaining('line 1 of v.jsonl has the label "c"'),
      },
    ],
    ["an empty text", [...texts({ a: 3, b: 3 }), { text: "", label: "a" }], null, { code: "invalid_file" }],
    ["no label", [...texts({ a: 3, b: 3 }), { text: "x" }], null, { code: "invalid_file" }],
    ["no object", [1], null, { code: "invalid_file" }],
  ])("refuses %s", (_name, lines, validation, error) => {
    expect(() => read(lines, validation)).toThrow(expect.objectContaining(error));
  });
});
