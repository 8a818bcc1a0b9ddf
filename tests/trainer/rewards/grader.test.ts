import { describe, expect, it } from "vitest";
import type { Question } from "../../../shared/graders/kind.ts";
import { Grader } from "../../../shared/graders/registry.ts";
import { checkItem, graderReward } from "../../../trainer/rewards/grader.ts";
import type { ScoredReply } from "../../../trainer/rewards/reward-source.ts";

const reply = (text: string, item: object = {}): ScoredReply => ({
  ...{ prompt: Int32Array.of(1), reply: Int32Array.of(2), text, ended: true, item: { ...item } },
});
const exact = Grader.parse({
  ...{ type: "string_check", name: "exact", operation: "eq" },
  ...{ input: "{{sample.output_text}}", reference: "{{item.answer}}" },
});
const json = Grader.parse({ ...exact, input: "{{sample.output_json.answer}}" } as never);
const judge = Grader.parse({
  ...{ type: "score_model", name: "judge", model: "m" },
  input: [{ role: "user", content: "Rate {{sample.output_text}} for {{item.topic}}" }],
});
const param = "method.grpo.reward.grader";
const usage = { prompt_tokens: 1, completion_tokens: 1, cached_tokens: 0, total_tokens: 2 };
const unasked = async () => expect.fail("no model is asked");

describe("a grader as a reward", () => {
  it("grades every reply against its own line, in order", async () => {
    const source = graderReward({ grader: exact, param, ask: unasked });
    const replies = Array.from({ length: 20 }, (_, i) => reply(String(i), { answer: String(i % 3) }));
    const rewards = await source.score(replies);
    expect(rewards.map(({ reward }) => reward)).toEqual(replies.map((_, i) => (i < 3 ? 1 : 0)));
  });

  it("names the parts of a multi", async () => {
    const multi = Grader.parse({
      ...{ type: "multi", name: "both", calculate_output: "a + 2 * b" },
      graders: { a: { ...exact, name: "a" }, b: { ...exact, name: "b", operation: "like" } },
    });
    const [scored] = await graderReward({ grader: multi, param, ask: unasked }).score([reply("42", { answer: "4" })]);
    expect(scored).toEqual({ reward: 2, parts: { a: 0, b: 1 } });
  });

  it("gives a flawed grade 0, with the flaw's name", async () => {
    const [flawed, whole] = await graderReward({ grader: json, param, ask: unasked }).score([
      reply("no JSON", { answer: "4" }),
      reply('{"answer": "4"}', { answer: "4" }),
    ]);
    expect(flawed).toEqual({ reward: 0, flaw: "sample_parse_error" });
    expect(whole).toEqual({ reward: 1 });
  });

  it("asks models, a few at a time, and tells what kept them from answering", async () => {
    const asked: Question[] = [];
    let [open, most] = [0, 0];
    const ask = async (question: Question) => {
      asked.push(question);
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 1));
      open -= 1;
      return question.messages[0]!.content.includes("r2 ") ? { failure: "it is overloaded" } : { text: "0.5", usage };
    };
    const replies = Array.from({ length: 20 }, (_, i) => reply(`r${i}`, { topic: "tea" }));
    const rewards = await graderReward({ grader: judge, param, ask }).score(replies);
    expect(asked[0]!.messages).toEqual([{ role: "user", content: "Rate r0 for tea" }]);
    expect(most).toBe(8);
    expect(rewards.filter(({ flaw }) => flaw === undefined).every(({ reward }) => reward === 0.5)).toBe(true);
    expect(rewards.flatMap(({ flaw }) => flaw ?? [])).toEqual(["model_grader_server_error: it is overloaded"]);
  });

  it("throws for a template that the item does not fit", async () => {
    const source = graderReward({ grader: exact, param, ask: unasked });
    await expect(source.score([reply("4", { solution: "4" })])).rejects.toMatchObject({
      code: "invalid_request",
      param: `${param}.reference`,
    });
  });
});

describe("checkItem", () => {
  it("finds a line that lacks a field before anything is sampled, and asks no model", async () => {
    const place = { line: 7, name: "train.jsonl" };
    await checkItem({ grader: exact, param }, { ...place, item: { answer: "4" } });
    await checkItem({ grader: judge, param }, { ...place, item: { topic: "tea" } });
    for (const grader of [exact, judge]) {
      await expect(checkItem({ grader, param }, { ...place, item: {} })).rejects.toMatchObject({
        code: "invalid_file",
        message: expect.stringMatching(/^line 7 of train\.jsonl: `method\.grpo\.reward\.grader\..*names \{\{item\./),
      });
    }
  });
});
