import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { fakeApi, Refusal, runCli } from "../support/cli.ts";

const page = (data: readonly object[]) => ({ object: "list", data, has_more: false, first_id: null, last_id: null });
const suites = {
  object: "list",
  data: [{ object: "eval.suite", name: "shouting", title: "S", description: "Capitals", mode: "generate", scores: {} }],
};
const made = (id: string, suite?: string) => ({
  object: "eval",
  id,
  name: "words",
  created_at: 1,
  data_source_config: { type: "custom", schema: {} },
  testing_criteria: [{ type: "string_check", name: "exact" }],
  metadata: null,
  ...(suite === undefined ? {} : { suite }),
});
const run = (fields: object = {}) => ({
  object: "eval.run",
  id: "evalrun_1",
  eval_id: "eval_1",
  name: "",
  status: "completed",
  model: "m",
  created_at: 1,
  report_url: "u",
  result_counts: { total: 4, passed: 3, failed: 1, errored: 0 },
  per_model_usage: [],
  per_testing_criteria_results: [{ testing_criteria: "exact", passed: 3, failed: 1 }],
  data_source: { type: "completions", source: { type: "file_content", content: [] }, model: "old", deltas: [] },
  metadata: null,
  error: null,
  ...fields,
});
const queued = run({ status: "queued", result_counts: { total: 4, passed: 0, failed: 0, errored: 0 } });
const RUNS = "POST /v1/evals/eval_1/runs";
const RUN = "GET /v1/evals/eval_1/runs/evalrun_1";

describe("trimtab eval run", () => {
  it("repeats an eval's last run on a model, with a bar, and says what came of it", async () => {
    const { env, seen } = await fakeApi({
      "GET /v1/evals/eval_1": [made("eval_1")],
      "GET /v1/evals/eval_1/runs?order=desc&limit=100": [page([run({ model: "" }), run()])],
      [RUNS]: [queued],
      [RUN]: [run({ status: "in_progress", result_counts: { total: 4, passed: 2, failed: 0, errored: 0 } }), run()],
    });
    const words = ["eval", "run", "eval_1", "--model", "m", "--delta", "d=0.5", "--steering", "calm"];
    const { out, progress, status } = await runCli(words, { env });
    expect(status).toBe(0);
    expect(progress).toContain("2/4  2 passed, 0 failed");
    expect(out).toBe(
      "evalrun_1 completed on m: 3 of 4 passed (75.0 %), 1 failed, 0 not judged\n  exact: 3 passed, 1 failed\n",
    );
    expect(JSON.parse(seen.find(({ line }) => line === RUNS)!.body)).toEqual({
      data_source: {
        type: "completions",
        source: { type: "file_content", content: [] },
        model: "m",
        deltas: [{ id: "d", weight: 0.5 }],
        steering: "calm",
      },
    });
    expect(JSON.parse((await runCli([...words, "--json"], { env })).out)).toMatchObject({ id: "evalrun_1" });
  });

  it("runs a suite, on an eval that is there or that it creates", async () => {
    const scores = { shouted: { value: 0.5, low: 0.25, high: 0.75, n: 4 }, other: null };
    for (const known of [true, false]) {
      const { env, seen } = await fakeApi({
        "GET /v1/evals/suites": [suites],
        "GET /v1/evals?order=desc&limit=100": [page(known ? [made("eval_1", "shouting")] : [])],
        "POST /v1/evals": [made("eval_1", "shouting")],
        [RUNS]: [run({ scores })],
      });
      const { out } = await runCli(["eval", "run", "shouting", "--model", "m"], { env });
      expect(out).toContain("  shouted: 0.500 (0.250 to 0.750), n = 4\n  other: not measured\n");
      expect(seen.filter(({ line }) => line === "POST /v1/evals")).toHaveLength(known ? 0 : 1);
      expect(JSON.parse(seen.at(-1)!.body)).toEqual({ data_source: { type: "suite", model: "m" } });
    }
  });

  it("creates the eval of a file, and fails where the run does", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "trimtab-eval-")), "eval.json");
    writeFileSync(file, JSON.stringify({ name: "words", testing_criteria: [], data_source: { type: "completions" } }));
    const { env, seen } = await fakeApi({
      "GET /v1/evals/suites": [suites],
      "POST /v1/evals": [made("eval_1")],
      [RUNS]: [run({ status: "failed", error: { code: "model_not_found", message: "It is gone." } })],
    });
    const { out, status } = await runCli(["eval", "run", file, "--model", "m"], { env });
    expect([status, out]).toEqual([1, expect.stringContaining("  It is gone.\n")]);
    expect(JSON.parse(seen[1]!.body)).toEqual({ name: "words", testing_criteria: [] });
    for (const [name, problem] of [
      ["nothing", "there is no such file"],
      [file.replace("eval.json", ""), "cannot be read"],
    ]) {
      const refused = await runCli(["eval", "run", name!, "--model", "m"], { env });
      expect([refused.status, refused.failed]).toEqual([2, expect.stringContaining(problem!)]);
    }
  });

  it("takes a file whose name begins as ids do, and leaves no eval behind where its run is refused", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "trimtab-eval-")), "eval_words.json");
    writeFileSync(file, JSON.stringify({ name: "words", testing_criteria: [], data_source: { type: "completions" } }));
    const replies = {
      "GET /v1/evals/suites": [suites],
      "POST /v1/evals": [made("eval_1")],
      "DELETE /v1/evals/eval_1": [{ object: "eval.deleted", deleted: true, eval_id: "eval_1" }],
    };
    const good = await fakeApi({ ...replies, [RUNS]: [run()] });
    const words = ["eval", "run", relative(process.cwd(), file), "--model", "m"];
    expect((await runCli(words, { env: good.env })).status).toBe(0);
    expect(good.seen.map(({ line }) => line)).not.toContain("DELETE /v1/evals/eval_1");
    const bad = await fakeApi({ ...replies, [RUNS]: [new Refusal("There is no such model.")] });
    expect((await runCli(words, { env: bad.env })).failed).toContain("There is no such model.");
    expect(bad.seen.at(-1)!.line).toBe("DELETE /v1/evals/eval_1");
    const unread = await fakeApi(replies);
    expect((await runCli([...words, "--delta", "d=x"], { env: unread.env })).failed).toContain("--delta");
    expect(unread.seen).toEqual([]);
  });

  it("says that an eval has nothing to repeat", async () => {
    const { env } = await fakeApi({
      "GET /v1/evals/eval_1": [made("eval_1")],
      "GET /v1/evals/eval_1/runs?order=desc&limit=100": [page([])],
    });
    expect((await runCli(["eval", "run", "eval_1", "--model", "m"], { env })).failed).toContain("no run with a model");
  });
});

it("trimtab eval list and show", async () => {
  const item = {
    object: "eval.run.output_item",
    id: "o",
    created_at: 1,
    run_id: "evalrun_1",
    eval_id: "eval_1",
    status: "fail",
    datasource_item_id: 2,
    datasource_item: {},
    results: [{ name: "exact", type: "t", score: 0, passed: false, sample: null }],
    sample: {
      ...{
        input: [],
        output: [{ role: "assistant", content: "no\nway" }],
        finish_reason: "stop",
        model: "m",
        error: null,
      },
      ...{ temperature: 1, top_p: 1, seed: 42, max_completion_tokens: null },
      usage: { prompt_tokens: 1, completion_tokens: 1, cached_tokens: 0, total_tokens: 2 },
    },
  };
  const { env } = await fakeApi({
    "GET /v1/evals/suites": [suites],
    "GET /v1/evals?limit=100": [page([made("eval_1")])],
    "GET /v1/evals/eval_1": [made("eval_1")],
    "GET /v1/evals/eval_1/runs?order=desc&limit=100": [page([run()])],
    [RUN]: [run()],
    "GET /v1/evals/eval_1/runs/evalrun_1/output_items?limit=100&status=fail": [page([item])],
  });
  const list = await runCli(["eval", "list"], { env });
  expect(list.out).toMatch(/^eval_1 +words +custom +1$/m);
  expect(list.out).toMatch(/^shouting +generate +Capitals$/m);
  expect((await runCli(["eval", "show", "eval_1"], { env })).out).toMatch(/^evalrun_1 +completed +m +3\/4 +1 +0$/m);
  const shown = await runCli(["eval", "show", "eval_1", "evalrun_1", "--status", "fail"], { env });
  expect(shown.out).toMatch(/^ +2 +fail +exact 0 +no way$/m);
  expect(JSON.parse((await runCli(["eval", "list", "--json"], { env })).out)).toMatchObject({
    data: [{ id: "eval_1" }],
    suites: suites.data,
  });
});
