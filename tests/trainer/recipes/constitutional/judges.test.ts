import { describe, expect, it } from "vitest";
import { TrimtabError } from "../../../../shared/errors.ts";
import type { ModelAnswer, Question } from "../../../../shared/graders/kind.ts";
import {
  graderScore,
  ownJudge,
  remoteJudge,
  requireReadable,
} from "../../../../trainer/recipes/constitutional/judges.ts";
import type { StartingModel } from "../../../../trainer/recipes/constitutional/starting-model.ts";

const usage = { prompt_tokens: 1, completion_tokens: 2, cached_tokens: 0, total_tokens: 3 };
const WRITING = { temperature: 1, topP: 0.9, maxTokens: 8 };
const request = (content: string) => [{ role: "user", content }] as const;

describe("the job's own model", () => {
  const model = {
    maxLength: 64,
    write: async () => [
      [{ text: " good ", ended: true }],
      [{ text: "cut", ended: false }],
      [{ text: "", ended: true }],
      [],
    ],
    logProbabilities: async () => [[-1, -2], null, [-800, 0], [Number.NaN, 0]],
    dispose: async () => undefined,
  } as unknown as StartingModel;
  const judge = ownJudge(model, WRITING);
  const four = ["a", "b", "c", "d"].map(request);

  it("writes whole texts, or says what is wrong with each", async () => {
    const whole = await judge.write(four, { seed: 1, whole: true });
    expect(whole).toMatchObject([
      { value: "good" },
      { problem: "the text was cut at 8 tokens" },
      { problem: "the answer was empty" },
      { problem: expect.stringContaining("no room") },
    ]);
    expect((await judge.write(four, { seed: 1, whole: false }))[1]).toEqual({ value: "cut" });
  });

  it("labels by the two answers' probabilities alone", async () => {
    const [first, second, third, fourth] = await judge.label(four);
    expect(first).toEqual({ value: expect.closeTo(1 / (1 + Math.exp(-1)), 12) });
    expect(second).toMatchObject({ problem: expect.stringContaining("no room") });
    expect(third).toEqual({ value: 0 });
    expect(fourth).toMatchObject({ problem: expect.stringContaining("not finite") });
  });
});

describe("a model of the API", () => {
  const answering = (answers: readonly ModelAnswer[]) => {
    const asked: Question[] = [];
    const ask = async (question: Question) => answers[asked.push(question) - 1]!;
    return { asked, judge: remoteJudge(ask, { ...WRITING, model: "critic", at: "method.constitutional.judge" }) };
  };

  it("is asked each request with a seed of its own, and with nothing that holds its answer", async () => {
    const { asked, judge } = answering([
      { text: " good ", usage },
      { text: "cut", usage: { ...usage, completion_tokens: 8 } },
      { failure: "loading" },
    ]);
    const found = await judge.write(["a", "b", "c"].map(request), { seed: 5, whole: true });
    expect(found).toMatchObject([
      { value: "good" },
      { problem: expect.stringContaining("cut") },
      { problem: "loading" },
    ]);
    expect(new Set(asked.map(({ sampling }) => sampling.seed)).size).toBe(3);
    expect(asked[0]).toMatchObject({ model: "critic", sampling: { temperature: 1, topP: 0.9, maxTokens: 8 } });
    expect(asked.every(({ rule }) => rule === undefined)).toBe(true);
  });

  it("that has no room for a request cannot answer it; what its owner can mend is thrown", async () => {
    const throwing = (code: "context_length_exceeded" | "model_not_found") =>
      remoteJudge(async () => Promise.reject(new TrimtabError(code, "the reason")), {
        ...WRITING,
        model: "m",
        at: "x",
      });
    const ask = (judge: ReturnType<typeof throwing>) => judge.write([request("a")], { seed: 1, whole: true });
    expect(await ask(throwing("context_length_exceeded"))).toEqual([{ problem: "the reason" }]);
    await expect(ask(throwing("model_not_found"))).rejects.toMatchObject({ code: "model_not_found" });
  });

  it("says A or B at temperature 0, and nothing else counts", async () => {
    const texts = ["A", " B\n", "a", "Both"].map((text): ModelAnswer => ({ text, usage }));
    const { asked, judge } = answering([...texts, { failure: "loading" }]);
    const found = await judge.label(["a", "b", "c", "d", "e"].map(request));
    expect(found).toMatchObject([
      { value: 1 },
      { value: 0 },
      { problem: 'the answer was "a", not A or B' },
      { problem: 'the answer was "Both", not A or B' },
      { problem: "loading" },
    ]);
    expect(asked[0]).toMatchObject({ sampling: { temperature: 0 }, rule: { spec: { choice: ["A", "B"] } } });
  });
});

describe("a grader", () => {
  const reply = { text: "please", item: { word: "please" }, principle: "Be kind." };
  const check = (reference: string) =>
    ({ type: "string_check", name: "n", operation: "eq", input: "{{sample.output_text}}", reference }) as const;
  const never = async (): Promise<ModelAnswer> => ({ failure: "no server" });

  it("scores by the line's fields, and by the principle", async () => {
    expect(await graderScore(check("{{item.word}}"), "g", never)([reply])).toEqual([{ value: 1 }]);
    const kind = { ...reply, text: "Be kind." };
    expect(await graderScore(check("{{item.principle}}"), "g", never)([kind, reply])).toEqual([
      { value: 1 },
      { value: 0 },
    ]);
  });

  it("that could not tell is no score of 0", async () => {
    const json = { ...check("x"), input: "{{sample.output_json}}" };
    expect(await graderScore(json, "g", never)([reply])).toEqual([{ problem: "sample_parse_error" }]);
    const input = [{ role: "user" as const, content: "?" }];
    const asking = { type: "score_model" as const, name: "n", model: "m", input };
    expect(await graderScore(asking, "g", never)([reply])).toEqual([{ problem: "no server" }]);
    expect(await graderScore(asking, "g", async () => ({ text: "much", usage }))([reply])).toEqual([
      { problem: "model_grader_parse_error" },
    ]);
  });
});

it("a share of unusable answers stops a job, once there are enough of them to tell", () => {
  const limit = { share: 0.1, param: "judge", isLast: false };
  requireReadable({ answers: 19, unreadable: 19, first: "x" }, limit);
  requireReadable({ answers: 20, unreadable: 2, first: "x" }, limit);
  expect(() => requireReadable({ answers: 20, unreadable: 3, first: "it was empty" }, limit)).toThrow(
    "`judge`: 3 of 20 answers of the judge were unusable, and at most a share of 0.1 may be (max_unreadable). The first: it was empty.",
  );
  expect(() => requireReadable({ answers: 2, unreadable: 1 }, { ...limit, isLast: true })).toThrow(/1 of 2 answers/);
});
