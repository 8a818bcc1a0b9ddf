import { beforeAll, describe, expect, it } from "vitest";
import { DatasetFix, DatasetInspection, DatasetPreview } from "../../../shared/api/datasets.ts";
import { Api } from "../support/api.ts";

const api = new Api();
let key: string;

beforeAll(async () => {
  await api.base("reader");
  key = await api.tenant("cleaners");
});

const inspect = async (body: Record<string, unknown>) =>
  DatasetInspection.parse(await api.call("POST", "/v1/datasets/inspect", { key, body }));
const preview = async (body: Record<string, unknown>) =>
  DatasetPreview.parse(await api.call("POST", "/v1/datasets/preview", { key, body }));
const fix = async (body: Record<string, unknown>, headers = {}) =>
  DatasetFix.parse(await api.call("POST", "/v1/datasets/fix", { key, body, headers }));
const refused = (call: string, body: Record<string, unknown>) =>
  api.refusal("POST", `/v1/datasets/${call}`, { key, body });

const chat = (question: string, answer: string) => ({
  messages: [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ],
});
const STORY = "Write a short story about a small dragon who learns to bake bread in a village by the northern sea";
const LINES = [
  chat(STORY, "Once there was a dragon who burnt every loaf until the baker lent her a window and some patience."),
  chat("Explain the difference between a river and a lake", "A river flows and a lake stays where it is."),
  chat("Explain the difference between a river and a lake", "A river flows and a lake stays where it is."),
  chat(
    `${STORY} today`,
    "Once there was a dragon who burnt every loaf until the baker lent her a window and some patience.",
  ),
  chat("Explain the difference between a river and a lake", "One of them moves."),
  chat("Who may I write to?", "Write to jane.doe@harbour-mail.org, please."),
  chat("Tell me how to open this lock", "I'm sorry, but I can't help with that."),
];

describe("POST /v1/datasets/inspect", () => {
  it("names copies, refusals and personal data by line, and never repeats what was found", async () => {
    const file = await api.dataset(key, LINES);
    const found = await inspect({ file });
    expect(found).toMatchObject({ object: "dataset.inspection", files: [file], model: null, lines: 7, tokens: null });
    expect(found.duplicates.exact).toEqual({ lines: 1, examples: [{ line: 3, earlier: { line: 2 } }] });
    expect(found.duplicates.near).toMatchObject({
      compared_lines: 7,
      lines: 1,
      clusters: 1,
      examples: [{ line: 4, earlier: { line: 1 } }],
    });
    expect(found.duplicates.same_prompt).toEqual({ lines: 1, examples: [{ line: 5, earlier: { line: 2 } }] });
    expect(found.refusals).toMatchObject({ replies: 7, refusing: 1, examples: [{ line: 7, pattern: "cannot_help" }] });
    expect(found.personal_data.kinds).toEqual([{ kind: "email", lines: 1, examples: [{ line: 6, shown: "ja…rg" }] }]);
    expect(JSON.stringify(found)).not.toContain("jane.doe");
    expect(found.languages.mix[0]).toMatchObject({ language: "en" });
    const verbs = found.diversity.verb_noun.verbs.map(({ verb, nouns }) => [verb, nouns[0]?.noun]);
    expect(verbs).toContainEqual(["write", "story"]);
    expect(verbs).toContainEqual(["explain", "difference"]);
  });

  it("reads lines as a model does, and says what a job would cut or leave out", async () => {
    const file = await api.dataset(key, LINES);
    const { tokens } = await inspect({ file, model: "reader", max_length: 60 });
    expect(tokens).toMatchObject({ max_length: 60, encoded_lines: 7, lengths: { count: 7 } });
    expect(tokens!.truncated + tokens!.dropped).toBeGreaterThan(0);
    expect(tokens!.kept + tokens!.dropped).toBe(7);
    expect(tokens!.trained_share).toBeLessThan(1);
    expect(tokens!.tokens_per_epoch).toBe(tokens!.tokens);
  });

  it("compares a file with those held out, of which an evaluation's may have any shape", async () => {
    const file = await api.dataset(key, LINES);
    const validation = await api.dataset(key, [
      chat("Explain the difference between a river and a lake", "A river flows and a lake stays where it is."),
      chat("What is bread made of?", "Flour, water, salt and time."),
    ]);
    const evaluation = await api.dataset(key, [chat(`${STORY}.`, "No reply is known.")]);
    const { contamination } = await inspect({ file, validation_file: validation, evaluation_files: [evaluation] });
    expect(contamination).toMatchObject([
      { file: validation, lines: 2, training_lines: 3, held_out_lines: 1, kinds: { exact: 2, prompt: 1 } },
      { file: evaluation, lines: 1, kinds: { ngrams: 2 } },
    ]);
    expect(contamination[0]!.examples[0]).toEqual({ line: 2, other_line: 1, kind: "exact", similarity: 1 });
  });

  it("looks at several files together, and names the file of each line", async () => {
    const [first, second] = [await api.dataset(key, LINES.slice(0, 2)), await api.dataset(key, LINES.slice(2, 3))];
    const { duplicates } = await inspect({ files: [first, second] });
    expect(duplicates.exact.examples).toEqual([{ line: 1, file: second, earlier: { line: 2, file: first } }]);
  });

  it("refuses what it cannot look at, by field", async () => {
    const file = await api.dataset(key, LINES);
    expect(await refused("inspect", {})).toMatchObject({ status: 400, param: "file" });
    expect(await refused("inspect", { file, files: [file] })).toMatchObject({ status: 400, param: "file" });
    expect(await refused("inspect", { files: [file, file] })).toMatchObject({ status: 400, param: "files[1]" });
    expect(await refused("inspect", { file: "file-none" })).toMatchObject({ status: 404, param: "file" });
    expect(await refused("inspect", { file, validation_file: "file-none" })).toMatchObject({
      param: "validation_file",
    });
    expect(await refused("inspect", { file, evaluation_files: [file, file] })).toMatchObject({
      param: "evaluation_files[1]",
    });
    expect(await refused("inspect", { file, similarity: 0.2 })).toMatchObject({ param: "similarity" });
    expect(await refused("inspect", { file, model: "no-model" })).toMatchObject({ status: 404, param: "model" });
    expect(await refused("inspect", { file, max_length: 9 })).toMatchObject({ param: "model" });
    expect(await refused("inspect", { file, model: "reader", max_length: 99_999 })).toMatchObject({
      param: "max_length",
    });
    const other = await api.tenant("strangers");
    expect(await api.refusal("POST", "/v1/datasets/inspect", { key: other, body: { file } })).toMatchObject({
      status: 404,
      param: "file",
    });
  });
});

describe("POST /v1/datasets/preview", () => {
  it("shows lines with the tokens that are trained on", async () => {
    const file = await api.dataset(key, LINES);
    const { examples } = await preview({ file, model: "reader", lines: [2, 6] });
    expect(examples.map(({ line }) => line)).toEqual([2, 6]);
    const trained = examples[0]!.sequences[0]!.segments.filter(({ trained: is }) => is).map(({ text }) => text);
    expect(trained.join("")).toContain("A river flows");
    expect(trained.join("")).not.toContain("Explain");
    expect((await preview({ file, model: "reader" })).examples).toHaveLength(3);
  });

  it("refuses lines that the file does not have", async () => {
    const file = await api.dataset(key, LINES);
    expect(await refused("preview", { file, model: "reader", lines: [2, 99] })).toMatchObject({
      status: 400,
      param: "lines",
    });
    expect(await refused("preview", { file })).toMatchObject({ param: "model" });
  });
});

describe("POST /v1/datasets/fix", () => {
  const contents = async (id: string) =>
    (await (await api.send("GET", `/v1/files/${id}/content`, { key })).text())
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));

  it("writes what stays as a new file, and says what was dropped by which rule", async () => {
    const file = await api.dataset(key, LINES);
    const dry = await fix({ file, drop: ["exact-duplicates", "near-duplicates", "pii", "refusals"], dry_run: true });
    expect(dry).toMatchObject({ result: null, lines: 7, kept: 3, dropped: 4 });
    const done = await fix({ file, drop: ["exact-duplicates", "near-duplicates", "pii", "refusals"] });
    expect(done).toEqual({ ...dry, result: done.result });
    expect(done.rules).toEqual({ "exact-duplicates": 1, "near-duplicates": 1, pii: 1, refusals: 1 });
    expect(done.dropped_lines.map(({ line, rule, other_line }) => [line, rule, other_line])).toEqual([
      [3, "exact-duplicates", 2],
      [4, "near-duplicates", 1],
      [6, "pii", null],
      [7, "refusals", null],
    ]);
    expect(await contents(done.result!)).toEqual([LINES[0], LINES[1], LINES[4]]);
    const after = await inspect({ file: done.result! });
    expect(after.duplicates).toMatchObject({ exact: { lines: 0 }, near: { lines: 0 } });
    expect(await api.call("GET", `/v1/files/${done.result}`, { key })).toMatchObject({ purpose: "fine-tune" });
  });

  it("makes one file for one Idempotency-Key", async () => {
    const file = await api.dataset(key, LINES);
    const headers = { "idempotency-key": "fix-once" };
    const first = await fix({ file, drop: ["refusals"] }, headers);
    expect(await fix({ file, drop: ["refusals"] }, headers)).toEqual(first);
  });

  it("keeps nothing of a request that cannot be met", async () => {
    const file = await api.dataset(key, LINES.slice(6));
    const before = await api.call<{ data: unknown[] }>("GET", "/v1/files?limit=100", { key });
    expect(await refused("fix", { file, drop: ["refusals"] })).toMatchObject({ status: 400, param: "drop" });
    expect(await refused("fix", { file, drop: ["contaminated"] })).toMatchObject({ param: "drop" });
    expect(await refused("fix", { file, only: ["too-long"] })).toMatchObject({ param: "only" });
    expect(await refused("fix", { file })).toMatchObject({ param: "drop" });
    expect(await refused("fix", { file, drop: ["spam"] })).toMatchObject({ param: "drop[0]" });
    const after = await api.call<{ data: unknown[] }>("GET", "/v1/files?limit=100", { key });
    expect(after.data).toHaveLength(before.data.length);
  });
});

it("reads a file as its upload said, and says the same of what it makes", async () => {
  const texts = ["one", "two", "two"].map((text) => ({ ...chat("q", "a"), text }));
  const file = await api.dataset(key, texts, "text");
  const report = await inspect({ file, validation_file: await api.dataset(key, texts.slice(0, 1), "text") });
  expect(report).toMatchObject({ layouts: { text: 3 }, duplicates: { exact: { lines: 1 } } });
  expect(report.contamination).toMatchObject([{ training_lines: 1 }]);
  const { examples } = await preview({ file, model: "reader", lines: 1 });
  expect(examples[0]!.sequences[0]!.segments.map(({ text }) => text).join("")).toContain("one");
  const { result, kept } = await fix({ file, drop: ["exact-duplicates"] });
  expect(kept).toBe(2);
  expect(await api.call("GET", `/v1/files/${result}`, { key })).toMatchObject({
    dataset: { said_format: "text", formats: [{ format: "text", examples: 2 }] },
  });
});
