/** Suites as evals, and jobs that are measured before and after. */
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { GenerateEvent, GenerateRequest } from "../../../edge/serving/protocol.ts";
import type { EvalRun } from "../../../shared/api/eval-runs.ts";
import type { Job } from "../../../shared/api/jobs.ts";
import { SUITES, suiteNamed } from "../../../shared/evaluation/suites/registry.ts";
import { Api } from "../support/api.ts";
import { FakeEngine } from "../support/fake-engine.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";
import { useEngine } from "../support/own-engine.ts";
import { addTestSuites } from "../support/test-suites.ts";

const engine = new FakeEngine();
const api = new Api({ ENGINE: engine.binding });
const trainer = new FakeTrainer(api);
const model = "suite-base";
let key: string;
let training_file: string;

/** The base says words as they are, and a tuned model in capitals; " rise" is likelier than " dive". */
function* script({ prompt, ofPrompts, model: { deltas } }: GenerateRequest): Generator<GenerateEvent> {
  if (prompt.kind === "text") {
    for (const [choice, text] of prompt.prompts.entries()) {
      expect(ofPrompts).toEqual({ text: false, top: 0 });
      const at = String(text).lastIndexOf(" ");
      const [start, end] = [String(text).slice(0, Math.max(at, 0)), String(text).slice(at + 1)];
      const token = (of: string, logprob: number | null) => {
        return { id: 0, token: of, bytes: [...new TextEncoder().encode(of)], logprob, rank: null, top: [] };
      };
      const scores = [token(start!, null), token(` ${end}`, end === "rise" ? -1 : -2)];
      yield { type: "prompt", choices: [choice], text: "", scores };
    }
  } else {
    const said = prompt.messages.at(-1)!.content;
    yield { type: "token", choice: 0, text: deltas.length === 0 ? said : said.toUpperCase() };
    yield { type: "finish", choice: 0, reason: "stop" };
  }
  yield { type: "usage", promptTokens: 4, completionTokens: 1, cachedTokens: 0 };
}

beforeAll(async () => {
  addTestSuites();
  await api.base(model);
  key = await api.tenant("suites");
  await useEngine("suites", engine.binding);
  training_file = await api.dataset(key);
});

beforeEach(() => {
  engine.script = script;
});

const JOBS = "/v1/fine_tuning/jobs";
const post = <T>(path: string, body: object) => api.call<T>("POST", path, { key, body });
const suiteEval = (suite: string) => post<{ id: string }>("/v1/evals", { suite });
const eventually = <T>(check: () => Promise<T>) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

async function completed(of: string, run: string): Promise<EvalRun> {
  return await eventually(async () => {
    const found = await api.call<EvalRun>("GET", `/v1/evals/${of}/runs/${run}`, { key });
    expect(found.status).toBe("completed");
    return found;
  });
}

describe("a suite", () => {
  it("is listed with what it measures", async () => {
    const { data } = await api.call<{ data: { name: string }[] }>("GET", "/v1/evals/suites", { key });
    expect(data.map(({ name }) => name)).toEqual(expect.arrayContaining(["test_shouting", "test_choosing"]));
  });

  it("has a model write replies, and gives scores with intervals", async () => {
    const of = await suiteEval("test_shouting");
    expect(of).toMatchObject({ suite: "test_shouting", name: "Shouting", testing_criteria: [{ name: "exact" }] });
    const run = await post<EvalRun>(`/v1/evals/${of.id}/runs`, { data_source: { type: "suite", model } });
    const done = await completed(of.id, run.id);
    expect(done.result_counts).toEqual({ total: 3, passed: 0, failed: 3, errored: 0 });
    expect(done.scores).toMatchObject({ shouted: { value: 0, low: 0, n: 3 }, length: { n: 3 } });
    expect(done.scores!.length!.value).toBeCloseTo(14 / 3);
  });

  it("compares how likely choices are", async () => {
    const of = await suiteEval("test_choosing");
    const run = await post<EvalRun>(`/v1/evals/${of.id}/runs`, { data_source: { type: "suite", model } });
    const done = await completed(of.id, run.id);
    expect(done).toMatchObject({
      result_counts: { total: 2, passed: 1, failed: 1 },
      per_testing_criteria_results: [{ testing_criteria: "choice", passed: 1, failed: 1 }],
      scores: { right: { value: 0.5, n: 2 } },
    });
    const { data } = await api.call<{ data: { results: object[] }[] }>(
      "GET",
      `/v1/evals/${of.id}/runs/${run.id}/output_items`,
      { key },
    );
    expect(data.map(({ results }) => results[0])).toMatchObject([
      { name: "choice", type: "choose", passed: true, logprobs: [-1, -2] },
      { name: "choice", type: "choose", passed: false, logprobs: [-2, -1] },
    ]);
  });

  it("that compares choices is refused what it would leave unused", async () => {
    const of = await suiteEval("test_choosing");
    await post("/v1/steering/presets", { name: "calm", steering: { guidance: { scale: 1.5 } } });
    await post("/v1/aliases", { id: "steered", model, steering: "calm" });
    for (const [unused, param] of [
      [{ sampling_params: { temperature: 1 } }, "data_source.sampling_params"],
      [{ steering: "calm" }, "data_source.steering"],
      [{ model: "steered" }, "data_source.steering"],
    ] as const) {
      const body = { data_source: { type: "suite", model, ...unused } };
      expect(await api.refusal("POST", `/v1/evals/${of.id}/runs`, { key, body })).toMatchObject({ status: 400, param });
    }
  });

  it.each(SUITES.map(({ name }) => name))("that ships runs whole: %s", async (suite) => {
    const of = await suiteEval(suite);
    const data_source = { type: "suite", model };
    if ((suiteNamed(suite) as unknown as { items: (source: object) => unknown[] }).items({}).length === 0) {
      expect(await api.refusal("POST", `/v1/evals/${of.id}/runs`, { key, body: { data_source } })).toMatchObject({
        param: "data_source.model",
      });
      return;
    }
    const run = await post<EvalRun>(`/v1/evals/${of.id}/runs`, { data_source });
    const done = await completed(of.id, run.id);
    expect(done.result_counts.errored).toBe(0);
    expect(Object.keys(done.scores!)).toEqual(Object.keys(suiteNamed(suite)!.scores));
    expect(Object.values(done.scores!).some((score) => score !== null)).toBe(true);
  });

  it("is not run on a source of items", async () => {
    const of = await suiteEval("test_shouting");
    const data_source = { type: "jsonl", source: { type: "file_content", content: [{ item: { a: 1 } }] } };
    expect(await api.refusal("POST", `/v1/evals/${of.id}/runs`, { key, body: { data_source } })).toMatchObject({
      param: "data_source.type",
    });
  });
});

describe("a job", () => {
  const job = (before_after: string[]) => ({ model, training_file, evals: { before_after } });
  const own = async () => {
    const made = await post<{ id: string }>("/v1/evals", {
      name: "own",
      data_source_config: { type: "custom", item_schema: { type: "object" }, include_sample_schema: true },
      testing_criteria: [
        {
          type: "string_check",
          name: "exact",
          operation: "eq",
          input: "{{sample.output_text}}",
          reference: "{{item.answer}}",
        },
      ],
    });
    return made.id;
  };
  const source = (words: string[]) => ({
    type: "completions",
    model,
    input_messages: { type: "template", template: [{ role: "user", content: "{{item.word}}" }] },
    source: { type: "file_content", content: words.map((word) => ({ item: { word, answer: word.toUpperCase() } })) },
  });

  it("is measured before and after, with the differences in pairs", async () => {
    const of = await own();
    const first = await post<EvalRun>(`/v1/evals/${of}/runs`, { data_source: source(["a", "b", "c", "d"]) });
    await completed(of, first.id);
    const made = await post<Job>(JOBS, job([of, "test_shouting"]));
    expect(made.evals).toMatchObject([
      { eval_id: of, name: "own", status: "waiting", after_run: null },
      { suite: "test_shouting" },
    ]);
    expect(await api.refusal("DELETE", `/v1/evals/${of}`, { key })).toMatchObject({ status: 409 });
    expect(await api.refusal("DELETE", `/v1/evals/${of}/runs/${first.id}`, { key })).toMatchObject({ status: 409 });
    await trainer.work("measured");
    const done = await eventually(async () => {
      const found = await api.call<Job>("GET", `${JOBS}/${made.id}`, { key });
      expect(found.evals!.map(({ status }) => status)).toEqual(["completed", "completed"]);
      return found;
    });
    const [byEval, bySuite] = done.evals!;
    expect(byEval).toMatchObject({
      pass_rate: { before: { value: 0, n: 4 }, after: { value: 1, n: 4 }, change: { value: 1, n: 4 } },
      criteria: [{ testing_criteria: "exact", score: { change: { value: 1 } } }],
    });
    expect(byEval!.pass_rate!.change!.low).toBeGreaterThan(0);
    expect(bySuite).toMatchObject({ suite: "test_shouting", scores: { shouted: { change: { value: 1 } } } });
    const after = await api.call<EvalRun>("GET", `/v1/evals/${of}/runs/${byEval!.after_run}`, { key });
    expect(after).toMatchObject({ model: done.fine_tuned_model, result_counts: { total: 4, passed: 4 } });
    const report = await api.call<{ evals: Job["evals"] }>("GET", `${JOBS}/${made.id}/report`, { key });
    expect(report.evals).toEqual(done.evals);
    const page = await (
      await api.send("GET", `${JOBS}/${made.id}/report`, { key, headers: { accept: "text/html" } })
    ).text();
    for (const text of ["Evals, before and after", "own", "test_shouting", "+100.0 points"])
      expect(page).toContain(text);
    await api.call("DELETE", `/v1/evals/${of}`, { key });
    expect((await api.call<Job>("GET", `${JOBS}/${made.id}`, { key })).evals).toEqual(done.evals);
  });

  it("on an alias with a preset is measured without it, as its result is", async () => {
    await post("/v1/steering/presets", { name: "loud", steering: { guidance: { scale: 1.5 } } });
    await post("/v1/aliases", { id: "loud-bot", model, steering: "loud" });
    const made = await post<Job>(JOBS, { ...job(["test_shouting", "test_choosing"]), model: "loud-bot" });
    for (const { eval_id: of, before_run: before } of made.evals!) {
      const run = await api.call<EvalRun>("GET", `/v1/evals/${of}/runs/${before}`, { key });
      expect([run.model, run.steering]).toEqual([model, undefined]);
    }
    await post(`${JOBS}/${made.id}/cancel`, {});
  });

  it("that is cancelled has no comparison, and says why", async () => {
    const made = await post<Job>(JOBS, job(["test_choosing"]));
    await post(`${JOBS}/${made.id}/cancel`, {});
    const { evals } = await eventually(async () => {
      const found = await api.call<Job>("GET", `${JOBS}/${made.id}`, { key });
      expect(found.evals![0]!.status).toBe("failed");
      return found;
    });
    expect(evals![0]!.error).toContain("cancelled");
  });

  it("is refused where it could not be measured, and leaves nothing behind", async () => {
    const unrun = await own();
    const runs = async () => (await api.call<{ data: unknown[] }>("GET", `/v1/evals/${unrun}/runs`, { key })).data;
    for (const name of ["eval_nothing", "no_suite", unrun]) {
      for (const query of ["", "?validate=true"]) {
        expect(await api.refusal("POST", `${JOBS}${query}`, { key, body: job([name]) }), name).toMatchObject({
          param: "evals.before_after[0]",
        });
      }
    }
    expect(await api.refusal("POST", JOBS, { key, body: job(["test_shouting", "test_shouting"]) })).toMatchObject({
      param: "evals.before_after",
    });
    expect(await runs()).toEqual([]);
    const { length } = (await api.call<{ data: Job[] }>("GET", `${JOBS}?limit=100`, { key })).data;
    expect(
      await api.refusal("POST", JOBS, { key, body: { ...job(["test_choosing"]), training_file: "file-x" } }),
    ).toMatchObject({ status: 404 });
    expect((await api.call<{ data: Job[] }>("GET", `${JOBS}?limit=100`, { key })).data).toHaveLength(length);
  });
});
