import { describe, expect, it } from "vitest";
import { requestError } from "../../../shared/api/parse.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { ModelAnswer, Question } from "../../../shared/graders/kind.ts";
import { checkGrader, GRADER_KINDS, Grader, grade, modelsOf } from "../../../shared/graders/registry.ts";
import { observe } from "../../../shared/graders/render.ts";
import { LIMITS } from "../../../shared/limits.ts";

const USAGE = { prompt_tokens: 5, completion_tokens: 2, cached_tokens: 1, total_tokens: 7 };
const check = {
  type: "string_check",
  name: "c",
  operation: "eq",
  input: "{{sample.output_text}}",
  reference: "{{item.a}}",
};
const similar = { ...check, type: "text_similarity", operation: undefined, evaluation_metric: "fuzzy_match" };
const input = [{ role: "user", content: "Rate {{sample.output_text}}" }];
const score = { type: "score_model", name: "s", model: "judge", input };
const label = {
  type: "label_model",
  name: "l",
  model: "judge",
  input,
  labels: ["good", "bad"],
  passing_labels: ["good"],
};

function parsed(grader: unknown): Grader {
  const result = Grader.safeParse(JSON.parse(JSON.stringify(grader)));
  if (!result.success) throw requestError(result.error, grader);
  return result.data;
}

async function graded(
  grader: unknown,
  { sample = "x", item = { a: "x" } as unknown, answers = [] as ModelAnswer[] } = {},
) {
  const questions: Question[] = [];
  const result = await grade(parsed(grader), {
    observation: observe(sample, item),
    at: "grader",
    ask: async (question) => {
      questions.push(question);
      return answers[questions.length - 1]!;
    },
  });
  return { ...result, questions };
}

function refusal(grader: unknown): TrimtabError {
  try {
    checkGrader(parsed(grader), "grader");
  } catch (error) {
    if (error instanceof TrimtabError) return error;
    throw error;
  }
  throw new Error("not refused");
}

describe("string_check", () => {
  it.each([
    ["eq", "Ahoy", "Ahoy", 1],
    ["eq", "Ahoy", "ahoy", 0],
    ["ne", "Ahoy", "ahoy", 1],
    ["ne", "ahoy", "ahoy", 0],
    ["like", "well, Ahoy!", "Ahoy", 1],
    ["like", "well, Ahoy!", "ahoy", 0],
    ["ilike", "well, AHOY!", "ahoy", 1],
    ["ilike", "ahoy", "well, ahoy", 0],
  ])("%s of %s and %s", async (operation, sample, a, expected) => {
    expect(await graded({ ...check, operation }, { sample, item: { a } })).toMatchObject({
      score: expected,
      usage: [],
    });
  });

  it("gives 0 and a flaw for a sample that is not the JSON it is asked for", async () => {
    const json = { ...check, input: "{{sample.output_json.x}}", operation: "ne" };
    expect(await graded(json)).toMatchObject({ score: 0, flaw: { sample_parse_error: true } });
    expect(await graded(json, { sample: '{"x": 1}' })).toMatchObject({ score: 1 });
  });
});

describe("text_similarity", () => {
  it("compares what is filled in", async () => {
    expect((await graded(similar, { sample: "kitten", item: { a: "sitting" } })).score).toBeCloseTo(8 / 13, 12);
  });

  it("refuses cosine, and says what to use", () => {
    const cosine = refusal({ ...similar, evaluation_metric: "cosine" });
    expect(cosine).toMatchObject({ code: "unsupported_parameter", param: "evaluation_metric" });
    expect(cosine.message).toMatch(/meteor or rouge_l, or ask a model with a score_model/);
  });

  it("refuses work that would take too long, naming the field", async () => {
    const long = { sample: "x".repeat(90_000), item: { a: "y".repeat(90_000) } };
    await expect(graded(similar, long)).rejects.toMatchObject({ code: "invalid_request", param: "grader.input" });
  });
});

describe("score_model", () => {
  const answer = (text: string): ModelAnswer[] => [{ text, usage: USAGE }];

  it("asks for a number within the range", async () => {
    const { questions, ...result } = await graded({ ...score, range: [1, 5] }, { answers: answer(" 4.5 ") });
    expect(result).toMatchObject({ score: 4.5, usage: [["judge", USAGE]] });
    expect(questions).toEqual([
      {
        model: "judge",
        messages: [{ role: "user", content: "Rate x" }],
        sampling: { temperature: 0 },
        rule: { spec: { json_schema: { type: "number", minimum: 1, maximum: 5 } }, param: "grader.range" },
        at: "grader",
      },
    ]);
  });

  it.each(["", "five", "4.", "-", "6", "0.99", "NaN", "1e999", "4 of 5", "0x2", "١"])(
    "takes %j for no score",
    async (text) => {
      const result = await graded({ ...score, range: [1, 5] }, { answers: answer(text) });
      expect(result).toMatchObject({ score: 0, flaw: { model_grader_parse_error: true }, usage: [["judge", USAGE]] });
    },
  );

  it("passes its settings on, and reads content of several parts", async () => {
    const sampling_params = { temperature: 0.5, top_p: 0.9, seed: 3, max_completions_tokens: 9 };
    const content = [{ type: "input_text", text: "{{item.a}}" }, "-", { type: "output_text", text: "b" }];
    const asked = { ...score, sampling_params, input: [{ type: "message", role: "developer", content }] };
    const { questions } = await graded(asked, { answers: answer("1") });
    expect(questions[0]).toMatchObject({
      messages: [{ role: "system", content: "x-b" }],
      sampling: { temperature: 0.5, topP: 0.9, seed: 3, maxTokens: 9 },
    });
  });

  it("tells a server that fails as a flaw", async () => {
    const flaw = { model_grader_server_error: true, model_grader_server_error_details: "down" };
    expect(await graded(score, { answers: [{ failure: "down" }] })).toMatchObject({ score: 0, flaw, usage: [] });
  });

  it.each([
    [{ range: [1, 1] }, "range"],
    [{ range: [2, 1] }, "range"],
    [{ range: [1] }, "range"],
    [{ input: [] }, "input"],
    [{ input: [{ role: "tool", content: "a" }] }, "input[0].role"],
    [{ input: [{ role: "user", content: { type: "input_image", image_url: "x" } }] }, "input[0].content.type"],
    [{ sampling_params: { reasoning_effort: "high" } }, "sampling_params.reasoning_effort"],
    [{ sampling_params: { temperature: 3 } }, "sampling_params.temperature"],
    [{ model: "" }, "model"],
  ])("refuses %j", (change, param) => {
    expect(refusal({ ...score, ...change })).toMatchObject({ param });
  });

  it("stops at messages that grow too long together", async () => {
    const long = { ...score, input: Array(3).fill({ role: "user", content: Array(3).fill("{{sample.output_text}}") }) };
    const sample = "x".repeat(LIMITS.graderText / 8);
    await expect(graded(long, { sample })).rejects.toMatchObject({ code: "invalid_request", param: "grader.input" });
  });

  it("names the part of a message whose template cannot be read", () => {
    const content = ["a", { type: "input_text", text: "{{nope.a}}" }];
    expect(refusal({ ...score, input: [{ role: "user", content }] }).param).toBe("grader.input[0].content[1].text");
  });
});

describe("label_model", () => {
  it.each([
    ["good", 1],
    ["bad", 0],
  ])("scores %s", async (text, expected) => {
    const { questions, ...result } = await graded(label, { answers: [{ text, usage: USAGE }] });
    expect(result).toEqual({ score: expected, usage: [["judge", USAGE]] });
    expect(questions[0]).toMatchObject({ rule: { spec: { choice: ["good", "bad"] }, param: "grader.labels" } });
  });

  it("takes any other text for none of them", async () => {
    const result = await graded(label, { answers: [{ text: "good!", usage: USAGE }] });
    expect(result).toMatchObject({ score: 0, flaw: { model_grader_parse_error: true } });
  });

  it.each([
    [{ passing_labels: ["fine"] }, "passing_labels[0]"],
    [{ labels: ["a", "a"], passing_labels: ["a"] }, "labels"],
    [{ labels: [] }, "labels"],
    [{ passing_labels: [] }, "passing_labels"],
  ])("refuses %j", (change, param) => {
    expect(refusal({ ...label, ...change })).toMatchObject({ code: "invalid_request", param });
  });
});

describe("multi", () => {
  const graders = { right: check, close: similar };
  const multi = { type: "multi", name: "m", graders, calculate_output: "0.25 * right + 0.75 * close" };

  it("computes over an object of graders", async () => {
    const result = await graded(multi, { sample: "ab", item: { a: "ac" } });
    expect(result).toMatchObject({ score: 0.375, parts: { right: 0, close: 0.5 } });
  });

  it("takes one grader, by its name", async () => {
    expect(await graded({ ...multi, graders: check, calculate_output: "1 - c" })).toMatchObject({
      score: 0,
      parts: { c: 1 },
    });
  });

  it("takes a grader that is called type", async () => {
    const one = { ...multi, graders: { type: check }, calculate_output: "type" };
    expect(await graded(one)).toMatchObject({ score: 1, parts: { type: 1 } });
  });

  it("gives 0 once a part is flawed or the value is not finite, and says which", async () => {
    const broken = { ...check, input: "{{sample.output_json}}" };
    expect(
      await graded(
        { ...multi, graders: { a: broken, b: score }, calculate_output: "5 - a + b" },
        { answers: [{ text: "no", usage: USAGE }] },
      ),
    ).toMatchObject({
      score: 0,
      flaw: { sample_parse_error: true, model_grader_parse_error: true },
      usage: [["judge", USAGE]],
    });
    expect(await graded({ ...multi, calculate_output: "right / (close - 1)" })).toMatchObject({
      score: 0,
      flaw: { other_error: true },
    });
  });

  it("lists the models of its parts", () => {
    const both = parsed({ ...multi, graders: { s: score, l: label }, calculate_output: "s + l" });
    expect(modelsOf(both, "grader")).toEqual([
      { model: "judge", param: "grader.graders.s.model" },
      { model: "judge", param: "grader.graders.l.model" },
    ]);
  });

  it.each([
    [
      { calculate_output: "right + wrong + close" },
      "grader.calculate_output",
      /names wrong, which is none of: right, close/,
    ],
    [{ calculate_output: "right" }, "grader.calculate_output", /does not use "close"; use it/],
    [
      { graders: { "a b": check }, calculate_output: "1" },
      "grader.calculate_output",
      /letters, digits and underscores/,
    ],
    [{ calculate_output: "right +" }, "grader.calculate_output", /its end/],
    [{ graders: {} }, "grader.graders", /1 to 16/],
    [
      { graders: { right: { ...check, input: "{{x}}" }, close: similar } },
      "grader.graders.right.input",
      /Write a path/,
    ],
    [
      { graders: Object.fromEntries(Array.from({ length: LIMITS.graders + 1 }, (_, i) => [`g${i}`, check])) },
      "grader.graders",
      /1 to 16/,
    ],
  ])("refuses %j", (change, param, message) => {
    const thrown = refusal({ ...multi, ...change });
    expect(thrown).toMatchObject({ code: "invalid_request", param });
    expect(thrown.message).toMatch(message);
  });

  it.each([
    [{ right: { ...check, operation: "is" } }, "graders.right.operation"],
    [{ right: { ...check, reference: undefined } }, "graders.right.reference"],
    [{ inner: multi }, "graders.inner.type"],
    [{ ...check, operation: "is" }, "graders.operation"],
    ["check", "graders"],
  ])("names the field that is wrong in %j", (wrong, param) => {
    expect(refusal({ ...multi, graders: wrong })).toMatchObject({ param });
  });

  it("refuses a python grader inside", () => {
    const thrown = refusal({
      ...multi,
      graders: { p: { type: "python", name: "p", source: "1" } },
      calculate_output: "p",
    });
    expect(thrown).toMatchObject({ code: "unsupported_parameter", param: "graders.p.type" });
  });
});

describe("python", () => {
  it("is refused by name, with what to use", () => {
    const thrown = refusal({ type: "python", name: "p", source: "def grade(sample, item): return 1", image_tag: "x" });
    expect(thrown).toMatchObject({ code: "unsupported_parameter", param: "type" });
    expect(thrown.message).toMatch(/python.*score_model.*calculate_output/);
  });
});

describe("Grader", () => {
  it("has OpenAI's kinds, and one of Trimtab's own", () => {
    expect(GRADER_KINDS.map(({ type }) => type)).toEqual([
      "string_check",
      "text_similarity",
      "score_model",
      "label_model",
      "instructions",
      "python",
      "multi",
    ]);
  });

  it.each([
    [{}, "type"],
    [{ type: "exec" }, "type"],
    [{ ...check, name: undefined }, "name"],
    [{ ...check, extra: 1 }, "extra"],
    [{ ...check, input: "x".repeat(LIMITS.graderTemplate + 1) }, "input"],
  ])("refuses %#", (grader, param) => {
    expect(refusal(grader)).toMatchObject({ param });
  });
});

describe("pass_threshold", () => {
  it("is read where OpenAI's graders have it, and changes no score", async () => {
    const sample = { sample: "kitten", item: { a: "sitting" } };
    const plain = await graded(similar, sample);
    expect((await graded({ ...similar, pass_threshold: 0.99 }, sample)).score).toBe(plain.score);
    const answers = [{ text: "0.5", usage: USAGE }];
    expect(await graded({ ...score, pass_threshold: 0.9 }, { answers })).toMatchObject({ score: 0.5 });
    expect(refusal({ ...check, pass_threshold: 0.5 })).toMatchObject({ param: "pass_threshold" });
    expect(refusal({ ...similar, pass_threshold: "high" })).toMatchObject({ param: "pass_threshold" });
  });
});

describe("parts that are no text", () => {
  it.each(["input_image", "input_audio"])("%s is refused by name", (type) => {
    const refused = refusal({
      ...score,
      input: [{ role: "user", content: [{ type, image_url: "https://x.dev/a.png" }] }],
    });
    expect(refused).toMatchObject({ code: "unsupported_parameter", param: "input[0].content[0].type" });
    expect(refused.message).toContain(type);
  });
});
