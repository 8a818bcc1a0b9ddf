import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { InspectionFigures } from "../../../../shared/api/datasets.ts";
import { fakeApi, runCli } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "trimtab-data-"));
afterAll(() => rmSync(folder, { recursive: true }));
function file(name: string, values: readonly object[]): string {
  const path = join(folder, name);
  const text = values.map((value) => `${JSON.stringify(value)}\n`).join("");
  writeFileSync(path, name.endsWith(".gz") ? gzipSync(text) : text);
  return path;
}
const rows = (path: string) =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

const chat = (question: string, answer: string) => ({
  messages: [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ],
});
const LINES = [
  chat("Explain the tides to a child.", "The moon pulls at the sea."),
  chat("Explain the tides to a child.", "The moon pulls at the sea."),
  chat("Name a colour.", "I'm sorry, but I can't help with that."),
  chat("Who may I ask?", "Ask jane.doe@harbour-mail.org."),
  chat("Count to ten in German.", `eins zwei drei vier ${"und weiter ".repeat(400)}`),
];

describe("trimtab data inspect", () => {
  it("looks at a file of this machine, whatever its form, without a server", async () => {
    const train = file("train.jsonl.gz", LINES);
    const test = join(folder, "test.csv");
    writeFileSync(test, 'problem,solution\n"Explain the tides to a child.\nThe moon pulls at the sea.",unused\n');
    const { out, status } = await runCli([
      "data",
      "inspect",
      train,
      "--evaluation",
      test,
      "--model",
      "infra/base/model",
    ]);
    expect(status).toBe(0);
    expect(out).toContain("5 lines, 5 examples (chat 5)");
    expect(out).toContain("line 2 repeats line 1");
    expect(out).toContain("Refusals: 1 of 5 replies (20.0 %)");
    expect(out).toContain("e-mail addresses: 1 line, such as 4 (ja…rg)");
    expect(out).toContain("1 line cut");
    expect(out).not.toContain("jane.doe");
    const json = await runCli(["data", "inspect", train, "--json"]);
    const { object, files, model, ...figures } = JSON.parse(json.out);
    expect({ object, files, model }).toEqual({ object: "dataset.inspection", files: [train], model: null });
    expect(InspectionFigures.parse(figures)).toMatchObject({ lines: 5, duplicates: { exact: { lines: 1 } } });
  });

  it("asks the server about uploaded files", async () => {
    const { out } = await runCli(["data", "inspect", file("one.jsonl", LINES), "--json"]);
    const { env, seen } = await fakeApi({
      "POST /v1/datasets/inspect": [{ ...JSON.parse(out), files: ["file-abc"] }],
    });
    const asked = ["file-abc", "file-def", "--validation", "file-ghi", "--model", "m", "--max-length", "64"];
    const shown = await runCli(["data", "inspect", ...asked], { env });
    expect(shown.out).toContain("line 2 repeats line 1");
    expect(JSON.parse(seen[0]!.body)).toEqual({
      files: ["file-abc", "file-def"],
      model: "m",
      validation_file: "file-ghi",
      max_length: 64,
      similarity: 0.7,
      examples: 20,
    });
    const mixed = await runCli(["data", "inspect", "file-abc", "package.json"], { env });
    expect([mixed.status, mixed.failed]).toEqual([
      2,
      expect.stringContaining("name ids alone, or files of this machine"),
    ]);
  });

  it.each([
    ["a file that is not there", ["nowhere.jsonl"], "There is no file nowhere.jsonl"],
    [
      "a model that is no folder",
      ["infra/base/demo/sailor.jsonl", "--model", "nowhere"],
      "nowhere has no tokenizer.json",
    ],
    ["a similarity beyond reason", ["x.jsonl", "--similarity", "0.1"], "It must be from 0.5 to 1."],
  ])("refuses %s", async (_, words, message) => {
    const { failed, status } = await runCli(["data", "inspect", ...words]);
    expect([status, failed]).toEqual([2, expect.stringContaining(message)]);
  });

  it("names the line that is wrong", async () => {
    const path = file("wrong.jsonl", [LINES[0]!, { messages: [{ role: "user", content: 3 }] }]);
    const { failed, status } = await runCli(["data", "inspect", path]);
    expect([status, failed]).toEqual([2, expect.stringContaining("line 2 of wrong.jsonl: messages[0].content")]);
  });
});

describe("trimtab data preview", () => {
  const train = file("preview.jsonl", [...LINES, chat("Beep", "\u001b[31m\u0007red")]);

  it("marks what is trained on, and lets no control character through", async () => {
    const { out } = await runCli(["data", "preview", train, "--lines", "1,6"]);
    expect(out).toMatch(/^line 1: \d+ tokens, \d+ trained on$/m);
    expect(out).toContain("⟦The moon pulls at the sea.");
    expect(out).toContain("⟦�[31m�red");
    const colour = await runCli(["data", "preview", train, "--lines", "1", "--color"]);
    expect(colour.out).toContain("\u001b[32mThe moon pulls at the sea.");
    const json = JSON.parse((await runCli(["data", "preview", train, "--json"])).out);
    expect(json).toMatchObject({ object: "dataset.preview", examples: [{ line: 1 }, { line: 2 }, { line: 3 }] });
    expect(json.examples[0].sequences[0].segments.some(({ trained }: { trained: boolean }) => trained)).toBe(true);
  });

  it("asks the server about an uploaded file, and refuses a line that is not there", async () => {
    const preview = { object: "dataset.preview", file: "file-a", model: "trimtab-base", max_length: 9, examples: [] };
    const { env, seen } = await fakeApi({ "POST /v1/datasets/preview": [preview] });
    await runCli(["data", "preview", "file-a", "--lines", "7,9"], { env });
    expect(JSON.parse(seen[0]!.body)).toEqual({ file: "file-a", model: "trimtab-base", lines: [7, 9] });
    const { failed, status } = await runCli(["data", "preview", train, "--lines", "1,99"]);
    expect([status, failed]).toEqual([2, expect.stringContaining("has no line 99")]);
  });
});

describe("trimtab data fix", () => {
  const DROP = "exact-duplicates,refusals,pii,too-long";

  it("writes what stays beside the file, and what was dropped as a report", async () => {
    const train = file("fix.jsonl", LINES);
    const report = join(folder, "report.json");
    const { out, status } = await runCli(["data", "fix", train, "--drop", DROP, "--report", report]);
    expect(status).toBe(0);
    expect(out).toContain("1 of 5 lines stay, 4 are dropped");
    expect(out).toContain("line 2 says the same as another line (line 1 stays) [exact-duplicates]");
    expect(rows(join(folder, "fix-fixed.jsonl"))).toEqual([LINES[0]]);
    const { dropped_lines: dropped } = JSON.parse(readFileSync(report, "utf8"));
    expect(dropped.map(({ line, rule }: { line: number; rule: string }) => [line, rule])).toEqual([
      [2, "exact-duplicates"],
      [3, "refusals"],
      [4, "pii"],
      [5, "too-long"],
    ]);
    const again = await runCli(["data", "fix", train, "--drop", DROP]);
    expect([again.status, again.failed]).toEqual([2, expect.stringContaining("fix-fixed.jsonl exists")]);
    expect((await runCli(["data", "fix", train, "--drop", DROP, "--force"])).status).toBe(0);
  });

  it("writes nothing on a dry run, nor where nothing would stay", async () => {
    const train = file("dry.jsonl", LINES.slice(0, 2));
    const dry = await runCli(["data", "fix", train, "--drop", "exact-duplicates", "--keep", "none", "--dry-run"]);
    expect(dry.out).toContain("0 of 2 lines stay");
    const none = await runCli(["data", "fix", train, "--drop", "exact-duplicates", "--keep", "none"]);
    expect([none.status, none.failed]).toEqual([2, expect.stringContaining("Nothing would stay")]);
    expect(existsSync(join(folder, "dry-fixed.jsonl"))).toBe(false);
    expect(existsSync(join(folder, "dry-fixed.jsonl.part"))).toBe(false);
  });

  it("takes out what a test set has, and finds the file clean afterwards", async () => {
    const test = file("test.jsonl", [LINES[0]!]);
    const train = file("leaky.jsonl", LINES);
    const out = join(folder, "clean.jsonl");
    await runCli(["data", "fix", train, "--drop", "contaminated", "--validation", test, "--out", out]);
    expect(rows(out)).toHaveLength(3);
    const look = async (path: string) =>
      JSON.parse((await runCli(["data", "inspect", path, "--validation", test, "--json"])).out).contamination[0];
    expect(await look(train)).toMatchObject({ training_lines: 2, kinds: { exact: 2 } });
    expect(await look(out)).toMatchObject({ training_lines: 0 });
  });

  it("asks the server about an uploaded file", async () => {
    const reply = {
      object: "dataset.fix",
      file: "file-a",
      result: "file-b",
      lines: 2,
      kept: 1,
      dropped: 1,
      complete: true,
    };
    const dropped_lines = [{ line: 2, rule: "pii", reason: "has e-mail addresses", other_line: null }];
    const { env, seen } = await fakeApi({ "POST /v1/datasets/fix": [{ ...reply, rules: { pii: 1 }, dropped_lines }] });
    const { out } = await runCli(["data", "fix", "file-a", "--drop", "pii", "--keep", "last"], { env });
    expect(out).toContain("Written to file-b.");
    expect(JSON.parse(seen[0]!.body)).toMatchObject({ file: "file-a", drop: ["pii"], only: [], keep: "last" });
  });

  it.each([
    ["a rule that is none", ["--drop", "spam"], '--drop names "spam", which is no rule'],
    ["no rule", [], "Name rules with --drop or --only"],
    ["a keep that is none", ["--drop", "pii", "--keep", "best"], "must be one of first, last, longest, none"],
    ["a rule without what it needs", ["--drop", "contaminated"], "The rule contaminated needs"],
  ])("refuses %s", async (_, words, message) => {
    const { failed, status } = await runCli(["data", "fix", file("refused.jsonl", LINES), ...words]);
    expect([status, failed]).toEqual([2, expect.stringContaining(message)]);
  });
});

describe("trimtab data augment", () => {
  it("writes lines with where they come from", async () => {
    const train = file("augment.jsonl", LINES.slice(0, 1));
    const { out } = await runCli(["data", "augment", train, "--rules", "paraphrase,role-prompts", "--json"]);
    const path = join(folder, "augment-augmented.jsonl");
    expect(JSON.parse(out)).toMatchObject({ source_lines: 1, lines: 3, result: path });
    expect(rows(path).map(({ provenance }) => provenance.rule)).toEqual([null, "paraphrase", "role-prompts"]);
    const mixed = await runCli(["data", "augment", train, "--rules", "negatives,paraphrase", "--force"]);
    expect([mixed.status, mixed.failed]).toEqual([2, expect.stringContaining("cannot stand in one file")]);
    const pairs = file("pairs.jsonl", [{ prompt: "p", chosen: "a", rejected: "b" }]);
    expect((await runCli(["data", "augment", pairs, "--rules", "paraphrase"])).failed).toContain("preference_pairs");
  });
});

describe("--format", () => {
  const both = { question: "What is 2 + 2?", answer: "4", inputs: "What is 3 + 3?", targets: "6" };

  it("says what lines of this machine are, for every command that reads them", async () => {
    const path = file("both.jsonl", [both]);
    const found = (format: readonly string[]) => runCli(["data", "preview", path, "--no-color", ...format]);
    expect((await found([])).out).toContain("⟦6");
    expect((await found(["--format", "gsm8k"])).out).toContain("⟦4");
    const inspected = await runCli(["data", "inspect", path, "--format", "gsm8k"]);
    expect(inspected.out).toContain("1 example (GSM8K 1)");
    const fixed = await runCli(["data", "fix", path, "--drop", "empty", "--dry-run", "--format", "gsm8k"]);
    expect(fixed.status).toBe(0);
    const out = join(folder, "both-more.jsonl");
    await runCli(["data", "augment", path, "--rules", "paraphrase", "--out", out, "--format", "gsm8k"]);
    expect(rows(out)[0].messages.at(-1).content).toBe("4");
  });

  it("refuses lines of another format, a format that is not there, and files of the server", async () => {
    const path = file("one.jsonl", [chat("q", "a")]);
    const refused = async (args: readonly string[]) => (await runCli(["data", ...args])).failed;
    expect(await refused(["fix", path, "--drop", "empty", "--format", "flan"])).toContain(
      "line 1 of one.jsonl is not FLAN",
    );
    expect(await refused(["inspect", path, "--format", "flam"])).toContain("`format` must be one of chat,");
    expect(await refused(["preview", "file-1", "--format", "flan"])).toContain("--format is for files of this machine");
  });
});
