import { describe, expect, test } from "vitest";
import { datasetKind } from "../../../../shared/data/dataset-kinds/registry.ts";
import { Inspection } from "../../../../shared/data/inspect/inspection.ts";

const examples = datasetKind("examples");
const unpaired = datasetKind("unpaired_preferences");
const pairs = datasetKind("preference_pairs");
const place = (number: number) => ({ number, unit: "line", file: "f" }) as const;
let pauses = 0;
const open = (options: Partial<ConstructorParameters<typeof Inspection>[0]> = {}) =>
  new Inspection({
    files: ["train"],
    heldOut: [],
    similarity: 0.7,
    maxBytes: 1e7,
    examples: 5,
    pause: async () => void pauses++,
    ...options,
  });
async function add(inspection: Inspection, kind: typeof examples, values: readonly object[], file = 0): Promise<void> {
  for (const [at, value] of values.entries()) {
    await inspection.add({ file, line: at + 1 }, kind.read(value, place(at + 1)), value);
  }
}
const words = (from: number) => Array.from({ length: 25 }, (_, at) => `word${from + at}`).join(" ");

describe("Inspection", () => {
  test("reports an empty file as one", async () => {
    expect(await open().report()).toMatchObject({
      lines: 0,
      characters: { prompts: null, replies: null },
      tokens: null,
      duplicates: { exact: { lines: 0 }, complete: true },
      contamination: [],
      languages: { mix: [] },
      diversity: { replies: { words: 0, self_bleu: null }, verb_noun: { instructions: 0 } },
    });
  });

  test("sees in a file what was put there, and no longer once it is gone", async () => {
    const clean = Array.from({ length: 60 }, (_, at) => ({
      prompt: words(100 * at),
      completion: words(100 * at + 50),
    }));
    const spoilt = [...clean, clean[3]!, { ...clean[5]!, completion: `${clean[5]!.completion} indeed` }, clean[59]!];
    const heldOut = [clean[59]!, { prompt: words(9000), completion: "nothing alike" }];
    const look = async (lines: readonly object[]) => {
      const inspection = open({ heldOut: ["valid"] });
      for (const [at, value] of heldOut.entries()) {
        await inspection.addHeldOut(0, at + 1, examples.read(value, place(at + 1)));
      }
      await add(inspection, examples, lines);
      const { duplicates, contamination } = await inspection.report();
      return [duplicates.exact.lines, duplicates.near.lines, contamination[0]!.training_lines];
    };
    expect(await look(spoilt)).toEqual([2, 1, 2]);
    expect(await look(clean.slice(0, 59))).toEqual([0, 0, 0]);
  });

  test("names lines of several files by both", async () => {
    const inspection = open({ files: ["a", "b"] });
    await add(inspection, examples, [{ prompt: words(0), completion: "one" }], 0);
    await add(inspection, examples, [{ prompt: words(0), completion: "one" }], 1);
    const { duplicates } = await inspection.report();
    expect(duplicates.exact.examples).toEqual([{ line: 1, file: "b", earlier: { line: 1, file: "a" } }]);
  });

  test("counts negative examples of each kind", async () => {
    const chats = open();
    const turn = (weight: number) => ({
      messages: [
        { role: "user", content: "q" },
        { role: "assistant", content: "a", weight },
      ],
    });
    await add(chats, examples, [turn(0), turn(1)]);
    expect((await chats.report()).negative).toMatchObject({ replies_not_trained: 1 });
    const labels = open();
    await add(labels, unpaired, [
      { prompt: "p", completion: "x", label: false },
      { prompt: "p", completion: "y", label: true },
    ]);
    expect((await labels.report()).negative).toMatchObject({ undesirable: 1 });
    const compared = open();
    await add(compared, pairs, [{ prompt: "p", chosen: "x", rejected: "I cannot help with that." }]);
    const report = await compared.report();
    expect(report.negative).toMatchObject({ rejected_replies: 1 });
    expect(report.refusals).toMatchObject({ replies: 2, refusing: 1 });
  });

  test("pauses while it looks, and names no more than it is asked for", async () => {
    pauses = 0;
    const inspection = open({ examples: 2 });
    const lines = Array.from({ length: 300 }, () => ({ prompt: "p".repeat(2000), completion: "mail a.b@c-d.org" }));
    await add(inspection, examples, lines);
    const during = pauses;
    const report = await inspection.report();
    expect(during).toBeGreaterThan(2);
    expect(pauses).toBeGreaterThan(during);
    expect(report.duplicates.exact).toMatchObject({ lines: 299 });
    expect(report.duplicates.exact.examples).toHaveLength(2);
    expect(report.personal_data.kinds[0]).toMatchObject({ kind: "email", lines: 300 });
    expect(report.personal_data.kinds[0]!.examples).toHaveLength(2);
  });
});
