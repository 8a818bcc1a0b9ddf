/** Every call of the official SDK's evals, unchanged, as people use them who come from OpenAI; and what is refused. */
import { env, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import OpenAI, { toFile } from "openai";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Tenant } from "../../../edge/objects/tenant.ts";
import type { GenerateEvent, GenerateRequest } from "../../../edge/serving/protocol.ts";
import { Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { FakeEngine } from "../support/fake-engine.ts";
import { useEngine } from "../support/own-engine.ts";

const engine = new FakeEngine();
const api = new Api({ ENGINE: engine.binding });
const model = "evals-base";
let key: string;
let client: OpenAI;
let other: string;

/** Says the last message in capitals; asked to label or to score, it gives the first label or 0.75. */
function* shouts({ prompt, format }: GenerateRequest): Generator<GenerateEvent> {
  const said = prompt.kind === "chat" ? prompt.messages.at(-1)!.content : String(prompt.prompts[0]);
  const spec = format?.spec as { choice?: string[]; json_schema?: unknown } | undefined;
  const text = spec?.choice?.[0] ?? (spec?.json_schema === undefined ? said.toUpperCase() : "0.75");
  yield { type: "token", choice: 0, text };
  yield { type: "finish", choice: 0, reason: "stop" };
  yield { type: "usage", promptTokens: 5, completionTokens: 2, cachedTokens: 1 };
}

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("evaluators");
  client = openai(api, key);
  other = await api.tenant("others");
  await useEngine("evaluators", engine.binding);
});

beforeEach(() => {
  engine.script = shouts;
  engine.requests.length = 0;
});

const item_schema = {
  type: "object",
  properties: { word: { type: "string" }, answer: { type: "string" } },
  required: ["word"],
};
const custom = { type: "custom" as const, item_schema, include_sample_schema: true };
const exact = {
  type: "string_check" as const,
  name: "exact",
  operation: "eq" as const,
  input: "{{sample.output_text}}",
  reference: "{{item.answer}}",
};
const template = { type: "template" as const, template: [{ role: "user" as const, content: "{{item.word}}" }] };
const content = (...items: { word: string; answer?: string }[]) => ({
  type: "file_content" as const,
  content: items.map((item) => ({ item })),
});
const good = { word: "ahoy", answer: "AHOY" };
const bad = { word: "ahoy", answer: "no" };

const createEval = (testing_criteria: OpenAI.EvalCreateParams["testing_criteria"] = [exact]) =>
  client.evals.create({ name: "shouting", data_source_config: custom, testing_criteria });
const completions = (source: ReturnType<typeof content>) =>
  ({ type: "completions", model, input_messages: template, source }) as const;

/** A run once it has ended. */
async function ended(of: string, run: string) {
  return await vi.waitFor(
    async () => {
      const found = await client.evals.runs.retrieve(run, { eval_id: of });
      expect(["completed", "failed", "canceled"]).toContain(found.status);
      return found;
    },
    { timeout: 20_000, interval: 20 },
  );
}

const run = async (of: string, data_source: OpenAI.Evals.RunCreateParams["data_source"]) => {
  const { id } = await client.evals.runs.create(of, { name: "first", data_source });
  return ended(of, id);
};
const outputs = (of: string, id: string, query = {}) =>
  collected(client.evals.runs.outputItems.list(id, { eval_id: of, ...query }));

describe("an eval", () => {
  it("is created, read, changed, listed and deleted", async () => {
    const made = await client.evals.create({
      name: "words",
      metadata: { team: "one" },
      data_source_config: custom,
      testing_criteria: [exact],
    });
    expect(made).toMatchObject({
      object: "eval",
      name: "words",
      metadata: { team: "one" },
      testing_criteria: [exact],
      data_source_config: {
        type: "custom",
        schema: { type: "object", required: ["item", "sample"], properties: { item: item_schema } },
      },
    });
    expect(await client.evals.retrieve(made.id)).toEqual(made);
    const changed = await client.evals.update(made.id, { name: "words again", metadata: { team: "two" } });
    expect(changed).toMatchObject({ id: made.id, name: "words again", metadata: { team: "two" } });
    expect((await client.evals.update(made.id, { metadata: null })).metadata).toBeNull();
    const second = await createEval();
    await client.evals.update(made.id, { name: "last touched" });
    const ids = async (query: OpenAI.EvalListParams) => (await collected(client.evals.list(query))).map(({ id }) => id);
    expect(await ids({ limit: 1 })).toEqual([made.id, second.id]);
    expect(await ids({ order: "desc" })).toEqual([second.id, made.id]);
    expect(await ids({ order_by: "updated_at", limit: 1 })).toEqual([second.id, made.id]);
    expect(await client.evals.delete(made.id)).toEqual({ object: "eval.deleted", deleted: true, eval_id: made.id });
    await expect(client.evals.retrieve(made.id)).rejects.toThrow(OpenAI.NotFoundError);
    await client.evals.delete(second.id);
  });

  it("of logs shows the schema of what is kept", async () => {
    for (const type of ["logs", "stored_completions"] as const) {
      const made = await client.evals.create({
        data_source_config: { type, metadata: { usecase: "chat" } },
        testing_criteria: [{ ...exact, reference: "{{item.metadata.answer}}" }],
      });
      expect(made.data_source_config).toMatchObject({ type, metadata: { usecase: "chat" } });
      expect(Object.keys(made.data_source_config.schema.properties as object)).toEqual(["item", "sample"]);
    }
  });

  const refused = (body: object) => api.refusal("POST", "/v1/evals", { key, body });
  const config = (fields: object) => ({ ...custom, ...fields });
  it.each([
    ["nothing", {}, "data_source_config"],
    ["no criteria", { data_source_config: custom }, "testing_criteria"],
    ["an empty list of them", { data_source_config: custom, testing_criteria: [] }, "testing_criteria"],
    [
      "a schema that is none",
      { data_source_config: config({ item_schema: { type: "text" } }), testing_criteria: [exact] },
      "data_source_config.item_schema",
    ],
    [
      "a field that is not there",
      { data_source_config: custom, testing_criteria: [{ ...exact, reference: "{{item.answr}}" }] },
      "testing_criteria[0].reference",
    ],
    [
      "a sample that is not there",
      { data_source_config: config({ include_sample_schema: false }), testing_criteria: [exact] },
      "testing_criteria[0].input",
    ],
    [
      "a template that is none",
      { data_source_config: custom, testing_criteria: [{ ...exact, input: "{{item" }] },
      "testing_criteria[0].input",
    ],
    [
      "two criteria of one name",
      { data_source_config: custom, testing_criteria: [exact, { ...exact, name: "other" }, { ...exact }] },
      "testing_criteria[2].name",
    ],
    [
      "a program",
      { data_source_config: custom, testing_criteria: [{ type: "python", name: "p", source: "def grade(): ..." }] },
      "testing_criteria[0].type",
    ],
    [
      "a similarity without a threshold",
      {
        data_source_config: custom,
        testing_criteria: [
          { type: "text_similarity", name: "s", evaluation_metric: "bleu", input: "a", reference: "b" },
        ],
      },
      "testing_criteria[0].pass_threshold",
    ],
    [
      "an unknown grader's model",
      {
        data_source_config: custom,
        testing_criteria: [
          { type: "score_model", name: "s", model: "gpt-4o", input: [{ role: "user", content: "x" }] },
        ],
      },
      "testing_criteria[0].model",
    ],
    [
      "a field of a message that is not there",
      {
        data_source_config: custom,
        testing_criteria: [
          {
            type: "label_model",
            name: "l",
            model,
            labels: ["a"],
            passing_labels: ["a"],
            input: [{ role: "user", content: "{{item.x}}" }],
          },
        ],
      },
      "testing_criteria[0].input[0].content",
    ],
    ["a suite that there is not", { suite: "nonsense" }, "suite"],
    ["a suite with criteria", { suite: "x", testing_criteria: [exact] }, "testing_criteria"],
  ])("with %s is refused by its field", async (_, body, param) => {
    expect(await refused(body)).toMatchObject({ param });
  });
});

describe("a run", () => {
  it("has a model write samples, grades them, and shows every object as the SDK types it", async () => {
    const of = await createEval([
      exact,
      {
        type: "text_similarity",
        name: "alike",
        evaluation_metric: "fuzzy_match",
        input: "{{sample.output_text}}",
        reference: "{{item.answer}}",
        pass_threshold: 0.9,
      },
      {
        type: "label_model",
        name: "label",
        model,
        labels: ["fine", "poor"],
        passing_labels: ["fine"],
        input: [{ role: "user", content: "{{sample.output_text}}" }],
      },
      {
        type: "score_model",
        name: "score",
        model,
        input: [{ role: "user", content: "{{sample.output_text}}" }],
        pass_threshold: 0.8,
      },
    ]);
    const source = {
      ...completions(content(good, bad)),
      sampling_params: { temperature: 0.5, seed: 7, max_completion_tokens: 9 },
    };
    const created = await client.evals.runs.create(of.id, { name: "first", metadata: { a: "b" }, data_source: source });
    expect(created).toMatchObject({
      object: "eval.run",
      eval_id: of.id,
      name: "first",
      status: "queued",
      model,
      metadata: { a: "b" },
      error: null,
      data_source: source,
      report_url: `https://trimtab.test/v1/evals/${of.id}/runs/${created.id}`,
      result_counts: { total: 2, passed: 0, failed: 0, errored: 0 },
    });
    const run = await ended(of.id, created.id);
    expect(run).toMatchObject({
      status: "completed",
      result_counts: { total: 2, passed: 0, failed: 2, errored: 0 },
      per_testing_criteria_results: [
        { testing_criteria: "exact", passed: 1, failed: 1 },
        { testing_criteria: "alike", passed: 1, failed: 1 },
        { testing_criteria: "label", passed: 2, failed: 0 },
        { testing_criteria: "score", passed: 0, failed: 2 },
      ],
      per_model_usage: [
        {
          model_name: model,
          invocation_count: 6,
          prompt_tokens: 30,
          completion_tokens: 12,
          cached_tokens: 6,
          total_tokens: 42,
        },
      ],
    });
    const items = await outputs(of.id, run.id, { limit: 1 });
    expect(items).toHaveLength(2);
    expect(items[0]).toMatchObject({
      object: "eval.run.output_item",
      run_id: run.id,
      eval_id: of.id,
      status: "fail",
      datasource_item_id: 0,
      datasource_item: good,
      results: [
        { name: "exact", type: "string-check-grader", score: 1, passed: true, sample: null },
        { name: "alike", type: "text-similarity-grader", score: 1, passed: true },
        {
          name: "label",
          type: "label-model-grader",
          score: 1,
          passed: true,
          sample: { output: [{ content: "fine" }] },
        },
        { name: "score", type: "score-model-grader", score: 0.75, passed: false },
      ],
      sample: {
        input: [{ role: "user", content: "ahoy" }],
        output: [{ role: "assistant", content: "AHOY" }],
        finish_reason: "stop",
        model,
        error: null,
        seed: 7,
        usage: { prompt_tokens: 5, completion_tokens: 2, cached_tokens: 1, total_tokens: 7 },
      },
    });
    expect(await client.evals.runs.outputItems.retrieve(items[1]!.id, { eval_id: of.id, run_id: run.id })).toEqual(
      items[1],
    );
    expect(await outputs(of.id, run.id, { status: "pass" })).toEqual([]);
    expect(await outputs(of.id, run.id, { status: "fail", order: "desc" })).toEqual(items.toReversed());
    expect(await client.evals.runs.delete(run.id, { eval_id: of.id })).toEqual({
      object: "eval.run.deleted",
      deleted: true,
      run_id: run.id,
    });
    await expect(client.evals.runs.retrieve(run.id, { eval_id: of.id })).rejects.toThrow(OpenAI.NotFoundError);
  });

  it("grades the samples of a file, without a model", async () => {
    const of = await createEval();
    const lines = [
      { item: good, sample: { output_text: "AHOY" } },
      { item: good, sample: { choices: [{ message: { role: "assistant", content: "no" } }] } },
    ];
    const file = await client.files.create({
      file: await toFile(Buffer.from(lines.map((line) => JSON.stringify(line)).join("\n")), "samples.jsonl"),
      purpose: "evals",
    });
    const done = await run(of.id, { type: "jsonl", source: { type: "file_id", id: file.id } });
    expect(done).toMatchObject({ status: "completed", model: "", result_counts: { total: 2, passed: 1, failed: 1 } });
    expect(engine.requests).toEqual([]);
    await client.files.delete(file.id);
    expect(await outputs(of.id, done.id)).toHaveLength(2);
  });

  it("names the line of a file that is not valid, and keeps nothing", async () => {
    const of = await createEval();
    const lines = [JSON.stringify({ item: good }), JSON.stringify({ item: { word: 3 } })];
    const file = await client.files.create({
      file: await toFile(Buffer.from(lines.join("\n")), "bad.jsonl"),
      purpose: "evals",
    });
    const source = { ...completions(content(good)), source: { type: "file_id", id: file.id } };
    const refusal = await api.refusal("POST", `/v1/evals/${of.id}/runs`, { key, body: { data_source: source } });
    expect(refusal).toMatchObject({ status: 400, param: "data_source.source.id" });
    expect(refusal.message).toBe("Line 2 of bad.jsonl: item.word must be a string.");
    expect((await client.evals.runs.list(of.id)).data).toEqual([]);
  });

  it.each([
    ["jsonl", JSON.stringify({ item: good, sample: "AHOY" }), "Line 1 of samples.jsonl: its sample is not an object."],
    [
      "csv",
      `item,sample\n"{""word"":""a""}","{""output_text"":"\n`,
      "Row 1 of samples.csv: its sample is not an object.",
    ],
    [
      "jsonl",
      JSON.stringify({ item: good, sample: { output_text: 5 } }),
      "Line 1 of samples.jsonl: `sample.output_text` must be a string.",
    ],
    [
      "jsonl",
      JSON.stringify({ item: good, sample: { choices: "AHOY" } }),
      "Line 1 of samples.jsonl: `sample.choices` must be a list.",
    ],
    [
      "jsonl",
      JSON.stringify({ item: good, sample: { output_text: null } }),
      "Line 1 of samples.jsonl: its `sample` is empty; write it as `output_text`, or as `choices` as a chat reply has them.",
    ],
  ])("refuses a sample that criteria could not read, in a %s file: %s", async (form, text, message) => {
    const of = await createEval();
    const file = await client.files.create({
      file: await toFile(Buffer.from(text), `samples.${form}`),
      purpose: "evals",
    });
    const data_source = { type: "jsonl", source: { type: "file_id", id: file.id } };
    const refusal = await api.refusal("POST", `/v1/evals/${of.id}/runs`, { key, body: { data_source } });
    expect(refusal).toMatchObject({ status: 400, param: "data_source.source.id", message });
  });

  it("goes on where an item cannot be measured, and says which and why", async () => {
    const of = await createEval();
    const done = await run(of.id, completions(content(good, { word: "ahoy" }, good)));
    expect(done.result_counts).toEqual({ total: 3, passed: 2, failed: 0, errored: 1 });
    const [, errored] = await outputs(of.id, done.id);
    expect(errored).toMatchObject({
      status: "error",
      results: [],
      sample: { output: [{ content: "AHOY" }], error: { code: "invalid_request" } },
    });
    expect(errored!.sample.error.message).toBe(
      "Item 1: `testing_criteria[0].reference` names {{item.answer}}, which the item does not have.",
    );
    expect(
      (
        await api.call<{ data: unknown[] }>("GET", `/v1/evals/${of.id}/runs/${done.id}/output_items?status=error`, {
          key,
        })
      ).data,
    ).toHaveLength(1);
  });

  it("counts an item as errored whose grader's model gives no grade, at once", async () => {
    const input = [{ role: "user" as const, content: "{{sample.output_text}}" }];
    const of = await createEval([exact, { type: "score_model", name: "score", model, input }]);
    engine.script = function* (request) {
      if (request.format === undefined) return yield* shouts(request);
      yield { type: "token", choice: 0, text: "no number" };
      yield { type: "finish", choice: 0, reason: "length" };
      yield { type: "usage", promptTokens: 1, completionTokens: 1, cachedTokens: 0 };
    };
    const done = await run(of.id, completions(content(good)));
    expect(done).toMatchObject({
      result_counts: { total: 1, errored: 1 },
      per_testing_criteria_results: [
        { testing_criteria: "exact", passed: 1, failed: 0 },
        { testing_criteria: "score", passed: 0, failed: 0 },
      ],
    });
    const [item] = await outputs(of.id, done.id);
    expect(item).toMatchObject({ status: "error", results: [{ name: "exact", passed: true }] });
    expect(item!.sample.error.message).toContain("testing_criteria[1]");
    expect(engine.requests).toHaveLength(2);
  });

  it("tries again where the server fails, and fails whole where the model is gone", async () => {
    const of = await createEval();
    let failures = 2;
    engine.script = function* (request) {
      if (failures-- > 0) return yield { type: "error", code: "capacity_exceeded", message: "Full.", param: null };
      yield* shouts(request);
    };
    expect(await run(of.id, completions(content(good)))).toMatchObject({
      status: "completed",
      result_counts: { passed: 1 },
    });
    engine.script = function* () {
      yield { type: "error", code: "model_not_found", message: "It is gone.", param: "model" };
    };
    expect(await run(of.id, completions(content(good, good)))).toMatchObject({
      status: "failed",
      error: { code: "model_not_found", message: "It is gone." },
    });
  });

  it("fails whole where no reply could have the format that it asks for, and names the field", async () => {
    const of = await createEval();
    engine.script = function* ({ format }) {
      yield { type: "error", code: "invalid_request", message: "type at #: is none", param: format!.param };
    };
    const schema = { type: "foo" };
    const response_format = { type: "json_schema" as const, json_schema: { name: "x", schema } };
    const done = await run(of.id, { ...completions(content(good, good)), sampling_params: { response_format } });
    const message = "`data_source.sampling_params.response_format`: type at #: is none";
    expect(done).toMatchObject({ status: "failed", error: { code: "invalid_request", message } });
  });

  it("is canceled within the items under way, and its results stay", async () => {
    const of = await createEval();
    let written = 0;
    const gate = { waiting: 0, isOpen: false };
    engine.script = async function* (request) {
      written++;
      if (written > 3) gate.waiting++;
      while (written > 3 && !gate.isOpen) await new Promise((resolve) => setTimeout(resolve, 5));
      yield* shouts(request);
    };
    const many = Array.from({ length: 50 }, () => good);
    const { id } = await client.evals.runs.create(of.id, { data_source: completions(content(...many)) });
    await vi.waitFor(async () => expect(gate.waiting).toBe(4), { timeout: 10_000, interval: 20 });
    expect((await client.evals.runs.retrieve(id, { eval_id: of.id })).status).toBe("in_progress");
    const canceled = await client.evals.runs.cancel(id, { eval_id: of.id });
    expect(canceled).toMatchObject({ status: "canceled", result_counts: { total: 50, passed: 3 } });
    gate.isOpen = true;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(written).toBeLessThanOrEqual(8);
    expect((await client.evals.runs.retrieve(id, { eval_id: of.id })).result_counts.passed).toBe(3);
    expect(await client.evals.runs.cancel(id, { eval_id: of.id })).toMatchObject({ status: "canceled" });
    expect((await client.evals.runs.list(of.id, { status: "canceled" })).data).toHaveLength(1);
    expect((await client.evals.runs.list(of.id, { status: "completed" })).data).toHaveLength(0);
    const done = await run(of.id, completions(content(good)));
    expect(await api.refusal("POST", `/v1/evals/${of.id}/runs/${done.id}/cancel`, { key, body: {} })).toMatchObject({
      status: 409,
    });
  });

  it("goes on where its object is killed in the middle, and measures each item once", async () => {
    const of = await createEval();
    const gate = { isOpen: false };
    engine.script = async function* (request) {
      const slow = engine.requests.length > 5;
      while (slow && !gate.isOpen) await new Promise((resolve) => setTimeout(resolve, 5));
      yield* shouts(request);
    };
    const many = Array.from({ length: 20 }, (_, i) => ({ word: `w${i}`, answer: `W${i}` }));
    const { id } = await client.evals.runs.create(of.id, { data_source: completions(content(...many)) });
    await vi.waitFor(() => expect(engine.requests.length).toBeGreaterThan(8), { timeout: 10_000, interval: 20 });
    const stub = () => env.TENANT.get(env.TENANT.idFromName("evaluators")) as DurableObjectStub<Tenant>;
    await runInDurableObject(stub(), (_, state) => state.abort("killed")).catch(() => {});
    gate.isOpen = true;
    await useEngine("evaluators", engine.binding);
    const before = await client.evals.runs.retrieve(id, { eval_id: of.id });
    expect(before).toMatchObject({ status: "in_progress" });
    expect(before.result_counts.passed).toBeLessThan(20);
    await runDurableObjectAlarm(stub());
    expect(await ended(of.id, id)).toMatchObject({ status: "completed", result_counts: { total: 20, passed: 20 } });
    const items = await outputs(of.id, id);
    expect(items.map(({ datasource_item_id: n }) => n)).toEqual(many.map((_, n) => n));
    expect(items.map(({ sample }) => sample.output[0]!.content)).toEqual(many.map(({ answer }) => answer));
  });

  it("reads completions that were kept: grades them, or asks a model the same", async () => {
    await client.chat.completions.create({
      model,
      store: true,
      metadata: { usecase: "x", answer: "HELLO" },
      messages: [{ role: "user", content: "hello" }],
    });
    await client.chat.completions.create({
      model,
      store: true,
      metadata: { usecase: "y" },
      messages: [{ role: "user", content: "bye" }],
    });
    const of = await client.evals.create({
      data_source_config: { type: "logs", metadata: { usecase: "x" } },
      testing_criteria: [{ ...exact, reference: "{{item.metadata.answer}}" }],
    });
    const source = { type: "stored_completions" as const, limit: 5 };
    expect(await run(of.id, { type: "completions", source })).toMatchObject({ result_counts: { total: 1, passed: 1 } });
    const again = await run(of.id, {
      type: "completions",
      model,
      source,
      input_messages: { type: "item_reference", item_reference: "item.input" },
    });
    expect(again).toMatchObject({ model, result_counts: { total: 1, passed: 1 } });
    expect((await outputs(of.id, again.id))[0]!.sample.input).toEqual([{ role: "user", content: "hello" }]);
    const none = { ...source, metadata: { usecase: "z" } };
    expect(
      await api.refusal("POST", `/v1/evals/${of.id}/runs`, {
        key,
        body: { data_source: { type: "completions", source: none } },
      }),
    ).toMatchObject({ param: "data_source.source" });
  });

  it("reads responses that were kept, and takes their sampling", async () => {
    await client.responses.create({ model, input: "hello", store: true, metadata: { page: "r" } });
    const of = await client.evals.create({
      data_source_config: { type: "logs" },
      testing_criteria: [{ ...exact, input: "{{sample.output_text}}", reference: "HELLO" }],
    });
    const source = { type: "responses" as const, metadata: { page: "r" } };
    expect(await run(of.id, { type: "responses", source })).toMatchObject({ result_counts: { total: 1, passed: 1 } });
    const format = { type: "json_schema" as const, name: "n", schema: { type: "number" } };
    const held = await run(of.id, { type: "responses", model, source, sampling_params: { text: { format } } });
    expect(held).toMatchObject({ result_counts: { total: 1, failed: 1 } });
    expect((await outputs(of.id, held.id))[0]!.sample.output[0]!.content).toBe("0.75");
  });

  it("waits where the tenant has no tokens left, rather than fail", async () => {
    const slow = await api.tenant("slow-evaluators", { tokens_per_minute: 6 });
    await useEngine("slow-evaluators", engine.binding);
    const theirs = openai(api, slow);
    const of = await theirs.evals.create({ data_source_config: custom, testing_criteria: [exact] });
    const many = Array.from({ length: 20 }, () => good);
    const { id } = await theirs.evals.runs.create(of.id, { data_source: completions(content(...many)) });
    await vi.waitFor(() => expect(engine.requests.length).toBeGreaterThan(0), { timeout: 10_000, interval: 20 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const waiting = await theirs.evals.runs.retrieve(id, { eval_id: of.id });
    expect(waiting).toMatchObject({ status: "in_progress", result_counts: { failed: 0, errored: 0 } });
    expect(engine.requests.length).toBeLessThanOrEqual(8);
    const { days } = await api.call<{ days: { requests: number }[] }>("GET", "/v1/usage", { key: slow });
    expect(days[0]!.requests).toBe(engine.requests.length);
    expect(await theirs.evals.runs.cancel(id, { eval_id: of.id })).toMatchObject({ status: "canceled" });
  });

  it("is another tenant's to no one", async () => {
    const of = await createEval();
    const done = await run(of.id, completions(content(good)));
    const [item] = await outputs(of.id, done.id);
    const paths = [
      "",
      `/runs`,
      `/runs/${done.id}`,
      `/runs/${done.id}/output_items`,
      `/runs/${done.id}/output_items/${item!.id}`,
    ];
    for (const path of paths) {
      expect(await api.refusal("GET", `/v1/evals/${of.id}${path}`, { key: other }), path).toMatchObject({
        status: 404,
      });
    }
    const second = await createEval();
    expect(await api.refusal("GET", `/v1/evals/${second.id}/runs/${done.id}`, { key })).toMatchObject({ status: 404 });
  });

  const source = (fields: object) => ({ data_source: { ...completions(content(good)), ...fields } });
  it.each([
    ["an unknown model", source({ model: "nobody" }), "data_source.model"],
    ["an unknown delta", source({ deltas: [{ id: "delta-x" }] }), "data_source.deltas[0].id"],
    ["an unknown preset", source({ steering: "calm" }), "data_source.steering"],
    ["no messages", source({ input_messages: undefined }), "data_source.input_messages"],
    ["messages for nobody", source({ model: undefined }), "data_source.model"],
    [
      "a field that is not there",
      source({ input_messages: { type: "template", template: [{ role: "user", content: "{{item.wrd}}" }] } }),
      "data_source.input_messages.template[0].content",
    ],
    [
      "a sample in a message",
      source({ input_messages: { type: "template", template: [{ role: "user", content: "{{sample.output_text}}" }] } }),
      "data_source.input_messages.template[0].content",
    ],
    [
      "a reference that is not there",
      source({ input_messages: { type: "item_reference", item_reference: "item.input" } }),
      "data_source.input_messages.item_reference",
    ],
    [
      "an item of another kind",
      source({ source: { type: "file_content", content: [{ item: good }, { item: { word: null } }] } }),
      "data_source.source.content[1]",
    ],
    ["no items", source({ source: { type: "file_content", content: [] } }), "data_source.source.content"],
    ["a file that there is not", source({ source: { type: "file_id", id: "file-x" } }), "data_source.source.id"],
    [
      "what was kept, for items of a schema",
      source({ source: { type: "stored_completions" } }),
      "data_source.source.type",
    ],
    [
      "samples that are missing",
      { data_source: { type: "jsonl", source: content(good) } },
      "data_source.source.content[0]",
    ],
    ["a suite, of an eval that has none", { data_source: { type: "suite", model } }, "data_source.type"],
    [
      "a tool twice",
      source({ sampling_params: { tools: ["a", "a"].map((name) => ({ type: "function", function: { name } })) } }),
      "data_source.sampling_params.tools",
    ],
    [
      "a format that is none",
      source({
        sampling_params: {
          response_format: { type: "json_schema", json_schema: { name: "not a name" } },
        },
      }),
      "data_source.sampling_params.response_format",
    ],
  ])("with %s is refused by its field", async (_, body, param) => {
    const of = await createEval();
    expect(await api.refusal("POST", `/v1/evals/${of.id}/runs`, { key, body })).toMatchObject({
      param: expect.stringContaining(param),
    });
    expect((await client.evals.runs.list(of.id)).data).toEqual([]);
  });

  it("is created once for each Idempotency-Key", async () => {
    const of = await createEval();
    const options = { headers: { "idempotency-key": "once" } };
    const data_source = completions(content(good));
    const first = await client.evals.runs.create(of.id, { data_source }, options);
    await ended(of.id, first.id);
    const again = await client.evals.runs.create(of.id, { data_source }, options);
    expect(again).toMatchObject({ id: first.id, status: "completed" });
    expect((await client.evals.runs.list(of.id)).data).toHaveLength(1);
  });
});
