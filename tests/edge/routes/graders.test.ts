/** Graders over the whole Worker, by the official SDK: models answer in a real Engine, and in one that does as it is told. */
import OpenAI from "openai";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import readme from "../../../README.md?raw";
import { GraderRun } from "../../../shared/api/graders.ts";
import { LIMITS } from "../../../shared/limits.ts";
import requests from "../../golden/graders/requests.json";
import { Api } from "../support/api.ts";
import { openai } from "../support/client.ts";
import { echo, FakeEngine } from "../support/fake-engine.ts";

const engine = new FakeEngine();
const api = new Api();
const told = new Api({ ENGINE: engine.binding });
const model = "grading-base";
const path = "/v1/fine_tuning/alpha/graders";
let key: string;
let client: OpenAI;
let toldClient: OpenAI;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("grader");
  client = openai(api, key);
  toldClient = openai(told, key);
});

beforeEach(() => {
  engine.script = echo;
  engine.requests.length = 0;
});

const NO_ERRORS = {
  formula_parse_error: false,
  invalid_variable_error: false,
  model_grader_parse_error: false,
  model_grader_refusal_error: false,
  model_grader_server_error: false,
  model_grader_server_error_details: null,
  other_error: false,
  python_grader_runtime_error: false,
  python_grader_runtime_error_details: null,
  python_grader_server_error: false,
  python_grader_server_error_type: null,
  sample_parse_error: false,
  truncated_observation_error: false,
  unresponsive_reward_error: false,
};
const check = {
  type: "string_check",
  name: "exact",
  operation: "eq",
  input: "{{sample.output_text}}",
  reference: "{{item.answer}}",
} as const;
const similar = {
  type: "text_similarity",
  name: "close",
  evaluation_metric: "fuzzy_match",
  input: check.input,
  reference: check.reference,
} as const;
const score: OpenAI.Graders.ScoreModelGrader = {
  type: "score_model",
  name: "judge",
  model,
  input: [{ role: "user", content: "Rate {{sample.output_text}}" }],
  range: [0, 5],
};
const label: OpenAI.Graders.LabelModelGrader = {
  type: "label_model",
  name: "verdict",
  model,
  input: [{ role: "user", content: { type: "input_text", text: "Is {{item.answer}} good?" } }],
  labels: ["good", "bad"],
  passing_labels: ["good", "bad"],
};
type Param = OpenAI.FineTuning.Alpha.GraderRunParams["grader"];
const graders = (of: OpenAI) => of.fineTuning.alpha.graders;

/** An Engine that says one text. */
const says = (text: string) =>
  function* () {
    yield { type: "token", choice: 0, text } as const;
    yield { type: "finish", choice: 0, reason: "stop" } as const;
    yield { type: "usage", promptTokens: 11, completionTokens: 3, cachedTokens: 4 } as const;
  };

describe("running a grader", () => {
  it("answers as the SDK types it", async () => {
    const run = await graders(client).run({ grader: check, model_sample: "ahoy", item: { answer: "ahoy" } });
    expect(run).toEqual({
      reward: 1,
      sub_rewards: {},
      model_grader_token_usage_per_model: {},
      metadata: {
        name: "exact",
        type: "string_check",
        execution_time: expect.any(Number),
        scores: {},
        token_usage: null,
        sampled_model_name: null,
        errors: NO_ERRORS,
      },
    });
  });

  it("computes text similarity", async () => {
    const run = await graders(client).run({ grader: similar, model_sample: "kitten", item: { answer: "sitting" } });
    expect(run.reward).toBeCloseTo(8 / 13, 12);
  });

  it("combines an object of graders, and one grader as the SDK types it", async () => {
    const object = { type: "multi", name: "both", graders: { right: check, close: similar } } as const;
    const formula = { calculate_output: "0.25 * right + 0.75 * close" };
    const asked = { model_sample: "ab", item: { answer: "ac" } };
    const both = await graders(client).run({ ...asked, grader: { ...object, ...formula } as unknown as Param });
    const scores = { right: 0, close: 0.5 };
    expect(both).toMatchObject({ reward: 0.375, sub_rewards: scores, metadata: { type: "multi", scores } });
    const one = { type: "multi", name: "one", graders: check, calculate_output: "1 - exact" } as const;
    expect(await graders(client).run({ ...asked, grader: one })).toMatchObject({
      reward: 1,
      sub_rewards: { exact: 0 },
    });
  });

  it("keeps the nulls of an item", async () => {
    const run = await graders(client).run({ grader: check, model_sample: "null", item: { answer: null } });
    expect(run.reward).toBe(1);
  });

  it("says what the sample lacks, with a reward of 0", async () => {
    const json = { ...check, operation: "ne", input: "{{sample.output_json.x}}" } as const;
    const of = (model_sample: string) => graders(client).run({ grader: json, model_sample, item: { answer: "1" } });
    expect(await of("no JSON")).toMatchObject({
      reward: 0,
      metadata: { errors: { ...NO_ERRORS, sample_parse_error: true } },
    });
    expect(await of("{}")).toMatchObject({
      reward: 0,
      metadata: { errors: { ...NO_ERRORS, invalid_variable_error: true } },
    });
    expect(await of('{"x": 2}')).toMatchObject({ reward: 1, metadata: { errors: NO_ERRORS } });
  });

  it("gets a score and a label of a real model, whatever that would rather say", async () => {
    const item = { answer: "ahoy" };
    const scored = GraderRun.parse(await graders(client).run({ grader: score, model_sample: "hm", item }));
    expect(scored.metadata).toMatchObject({ errors: NO_ERRORS, sampled_model_name: model });
    expect(scored.reward).toBeGreaterThanOrEqual(0);
    expect(scored.reward).toBeLessThanOrEqual(5);
    const used = scored.model_grader_token_usage_per_model[model]!;
    expect(used.total_tokens).toBe(used.prompt_tokens + used.completion_tokens);
    expect(scored.metadata.token_usage).toBe(used.total_tokens);
    const again = await graders(client).run({ grader: score, model_sample: "hm", item });
    expect(again.reward).toBe(scored.reward);
    const labelled = await graders(client).run({ grader: label as unknown as Param, model_sample: "hm", item });
    expect(labelled).toMatchObject({ reward: 1, metadata: { errors: NO_ERRORS, type: "label_model" } });
  });

  it.each([[[-1, 1]], [[0, 1e-9]], [[99_999_999, 1e9]], [[-5, -4]], [[0.25, 0.75]], [[1, 10]]])(
    "holds a real model to a score within %j",
    async (range) => {
      for (const [seed, temperature] of [
        [1, 0],
        [2, 2],
        [3, 2],
      ] as const) {
        const grader = { ...score, range, sampling_params: { seed, temperature } };
        const { reward, metadata } = await graders(client).run({ grader, model_sample: "hm" });
        expect(metadata.errors).toEqual(NO_ERRORS);
        expect(reward).toBeGreaterThanOrEqual(range[0]!);
        expect(reward).toBeLessThanOrEqual(range[1]!);
      }
    },
  );

  it("holds a real model to labels of which one begins another", async () => {
    for (const passing of ["good", "good enough", "sehr gut ✓"]) {
      const labels = ["good", "good enough", "sehr gut ✓"];
      const grader = { ...label, labels, passing_labels: [passing] } as unknown as Param;
      const run = await graders(client).run({ grader, model_sample: "x", item: { answer: "x" } });
      expect(run.metadata.errors).toEqual(NO_ERRORS);
      expect([0, 1]).toContain(run.reward);
    }
  });

  it("flags an answer that `max_completions_tokens` cuts short", async () => {
    const grader = { ...score, range: [100, 900], sampling_params: { max_completions_tokens: 1 } };
    const run = await graders(client).run({ grader, model_sample: "x" });
    expect(run).toMatchObject({ reward: 0, metadata: { errors: { ...NO_ERRORS, model_grader_parse_error: true } } });
  });

  it("charges the tenant what models read and write", async () => {
    const own = await api.tenant("grader-payer");
    const body = { grader: score, model_sample: "hm" };
    const run = await api.call<GraderRun>("POST", `${path}/run`, { key: own, body });
    const usage = JSON.stringify(await api.call("GET", "/v1/usage", { key: own }));
    const { prompt_tokens, completion_tokens } = run.model_grader_token_usage_per_model[model]!;
    expect(usage).toContain(`"prompt_tokens":${prompt_tokens}`);
    expect(usage).toContain(`"completion_tokens":${completion_tokens}`);
  });

  it("asks the Engine what a chat would, and counts several models' tokens", async () => {
    engine.script = says("4");
    const graded = {
      a: score,
      b: { ...score, sampling_params: { temperature: 0.5, seed: 2, max_completions_tokens: 5 } },
    };
    const grader = { type: "multi", name: "m", graders: graded, calculate_output: "a + b" } as unknown as Param;
    const run = await graders(toldClient).run({ grader, model_sample: "x" });
    const both = { prompt_tokens: 22, completion_tokens: 6, cached_tokens: 8, total_tokens: 28 };
    expect(run).toMatchObject({
      reward: 8,
      sub_rewards: { a: 4, b: 4 },
      model_grader_token_usage_per_model: { [model]: both },
      metadata: { token_usage: 28, sampled_model_name: model },
    });
    expect(engine.requests.map(({ request }) => request)).toEqual([
      expect.objectContaining({
        prompt: { kind: "chat", messages: [{ role: "user", content: "Rate x" }] },
        sampling: expect.objectContaining({ settings: { temperature: 0 }, seed: null, maxTokens: null, n: 1 }),
        format: {
          spec: { json_schema: { type: "number", minimum: 0, maximum: 5 } },
          param: "grader.graders.a.range",
        },
      }),
      expect.objectContaining({
        sampling: expect.objectContaining({ settings: { temperature: 0.5 }, seed: 2, maxTokens: 5 }),
      }),
    ]);
  });

  it("flags an answer that is no score, and a server that fails", async () => {
    engine.script = says("4 or so");
    const parse = { ...NO_ERRORS, model_grader_parse_error: true };
    expect(await graders(toldClient).run({ grader: score, model_sample: "x" })).toMatchObject({
      reward: 0,
      metadata: { errors: parse, token_usage: 14 },
    });
    engine.script = function* () {
      yield { type: "error", code: "capacity_exceeded", message: "Too many rows.", param: null };
    };
    const server = { model_grader_server_error: true, model_grader_server_error_details: "Too many rows." };
    expect(await graders(toldClient).run({ grader: score, model_sample: "x" })).toMatchObject({
      reward: 0,
      metadata: { errors: { ...NO_ERRORS, ...server }, token_usage: null },
    });
  });

  it.each([
    ["a field that the item lacks", { ...check, reference: "{{item.missing}}" }, "grader.reference", 400],
    ["a model that is not the tenant's", { ...score, model: "nobody" }, "grader.model", 404],
    [
      "a prompt that is too long",
      { ...score, input: [{ role: "user", content: "x".repeat(500) }] },
      "grader.input",
      400,
    ],
    ["python", { type: "python", name: "p", source: "1" }, "grader.type", 400],
    ["cosine", { ...similar, evaluation_metric: "cosine" }, "grader.evaluation_metric", 400],
    ["an unknown kind", { ...check, type: "exec" }, "grader.type", 400],
    [
      "a formula that calls code",
      { type: "multi", name: "m", graders: check, calculate_output: "exact.constructor" },
      "grader.calculate_output",
      400,
    ],
    ["a template that reaches for prototypes", { ...check, input: "{{item.__proto__}}" }, "grader.input", 400],
  ])("refuses %s", async (_, grader, param, status) => {
    const body = { grader, model_sample: "x", item: { answer: "x" } };
    expect(await api.refusal("POST", `${path}/run`, { key, body })).toMatchObject({ status, param });
  });

  it("refuses a sample that is too long, and work that would take too long", async () => {
    const of = (grader: unknown, sample: string, answer = "") =>
      api.refusal("POST", `${path}/run`, { key, body: { grader, model_sample: sample, item: { answer } } });
    expect(await of(check, "x".repeat(LIMITS.graderText + 1))).toMatchObject({ status: 400, param: "model_sample" });
    const work = await of(similar, "x".repeat(90_000), "y".repeat(90_000));
    expect(work).toMatchObject({ status: 400, param: "grader.input" });
    const grown = await of({ ...check, input: "{{sample.output_text}}".repeat(9) }, "x".repeat(90_000));
    expect(grown).toMatchObject({ status: 400, param: "grader.input" });
  });

  it("needs a grader and a sample, and nothing that it does not know", async () => {
    const of = (body: unknown) => api.refusal("POST", `${path}/run`, { key, body });
    expect(await of({ model_sample: "x" })).toMatchObject({ status: 400, param: "grader" });
    expect(await of({ grader: check })).toMatchObject({ status: 400, param: "model_sample" });
    expect(await of({ grader: check, model_sample: "x", extra: 1 })).toMatchObject({ status: 400, param: "extra" });
  });
});

describe("validating a grader", () => {
  it.each([
    ["string_check", check],
    ["text_similarity", similar],
    ["score_model", score],
    ["label_model", label],
    [
      "multi of an object",
      { type: "multi", name: "m", graders: { a: check, b: score }, calculate_output: "max(a, b)" },
    ],
    ["multi of one", { type: "multi", name: "m", graders: check, calculate_output: "exact" }],
  ])("returns a %s as it is", async (_, grader) => {
    expect(await graders(client).validate({ grader: grader as unknown as Param })).toEqual({ grader });
  });

  it("names what is wrong to the SDK", async () => {
    const wrong = { ...check, input: "{{nope}}" };
    const thrown = await graders(client)
      .validate({ grader: wrong })
      .catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(OpenAI.BadRequestError);
    expect(thrown).toMatchObject({ status: 400, param: "grader.input" });
  });

  it.each([
    [{ ...check, operation: "is" }, "grader.operation"],
    [{ ...score, model: "nobody" }, "grader.model"],
    [{ ...label, passing_labels: ["fine"] }, "grader.passing_labels[0]"],
    [
      { type: "multi", name: "m", graders: { a: { ...score, model: "nobody" } }, calculate_output: "a" },
      "grader.graders.a.model",
    ],
    [{ type: "multi", name: "m", graders: { a: check }, calculate_output: "a +" }, "grader.calculate_output"],
    [
      { type: "multi", name: "m", graders: { a: { ...check, input: 5 } }, calculate_output: "a" },
      "grader.graders.a.input",
    ],
  ])("refuses %j", async (grader, param) => {
    expect(await api.refusal("POST", `${path}/validate`, { key, body: { grader } })).toMatchObject({ param });
  });
});

describe("other clients", () => {
  it.each(requests.map((request, index) => [index, request] as const))(
    "answers request %i of the Python SDK",
    async (_, request) => {
      const reply = await api.call("POST", request.path, { key, body: request.body });
      if (request.path.endsWith("/validate")) {
        expect(reply).toMatchObject({ grader: { name: request.body.grader.name } });
        return;
      }
      expect(GraderRun.parse(reply).metadata).toMatchObject({ name: request.body.grader.name, errors: NO_ERRORS });
    },
  );

  it("answers the README's request", async () => {
    const [, body] = /graders\/run [^']*-d '([^']+)'/.exec(readme)!;
    expect(
      await api.call("POST", `${path}/run`, { key, body, headers: { "content-type": "application/json" } }),
    ).toMatchObject({
      sub_rewards: { exact: 0, close: expect.closeTo(4 / 7, 12) },
      reward: expect.closeTo((0.8 * 4) / 7, 12),
    });
  });
});
