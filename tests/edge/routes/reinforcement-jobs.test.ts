import { beforeAll, describe, expect, it } from "vitest";
import type { JobValidation } from "../../../shared/api/job-validation.ts";
import type { Lease } from "../../../shared/api/trainer.ts";
import { Api } from "../support/api.ts";
import { openai } from "../support/client.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
const JOBS = "/v1/fine_tuning/jobs";
const model = "reinforced-base";
const user = (content: string) => ({ role: "user", content });
const PROMPTS = [
  { messages: [{ role: "developer", content: "red" }, user("blue")], answer: "up" },
  { messages: [user("green")], answer: "down" },
];
const grader = {
  ...({ type: "string_check", name: "exact", operation: "eq" } as const),
  ...{ input: "{{sample.output_text}}", reference: "{{item.answer}}" },
};
const reward = { type: "grader", grader };
let key: string;
let prompts: string;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("reinforcer");
  prompts = await api.dataset(key, PROMPTS);
});

describe("a job of reinforcement", () => {
  it("is OpenAI's, through the official SDK", async () => {
    const client = openai(api, key);
    const bytes = new TextEncoder().encode(PROMPTS.map((line) => JSON.stringify(line)).join("\n"));
    const file = await client.files.create({ file: new File([bytes], "prompts.jsonl"), purpose: "fine-tune" });
    const hyperparameters = {
      ...{ batch_size: 4, compute_multiplier: 2, eval_interval: 5, eval_samples: 2 },
      ...({ learning_rate_multiplier: "auto", n_epochs: 1, reasoning_effort: "default" } as const),
    };
    const job = await client.fineTuning.jobs.create({
      ...{ model, training_file: file.id, validation_file: prompts },
      method: { type: "reinforcement", reinforcement: { grader, hyperparameters } },
    });
    expect(job).toMatchObject({ status: "queued", model, training_file: file.id });
    expect(job.method).toMatchObject({ type: "reinforcement", reinforcement: { grader, hyperparameters } });
    const lease = (await trainer.lease())! as Lease;
    expect(lease).toMatchObject({ job: job.id, method: { type: "reinforcement", reinforcement: { grader } } });
    await client.fineTuning.jobs.cancel(job.id);
  });

  it.each(["ppo", "rloo", "grpo", "reinforce_pp"])("of type %s is made, and tried out", async (type) => {
    const body = { model, training_file: prompts, method: { type, [type]: { reward } } };
    const tried = await api.call<JobValidation>("POST", `${JOBS}?validate=true`, { key, body });
    expect(tried).toMatchObject({ valid: true, training_file: { lines: 2, kept: 2, trained_tokens: 0, error: null } });
    const { id, method } = await api.call<{ id: string; method: object }>("POST", JOBS, { key, body });
    expect(method).toMatchObject({ type, [type]: { hyperparameters: { num_generations: "auto" } } });
    await api.call("POST", `${JOBS}/${id}/cancel`, { key });
  });

  it.each([
    ["reinforcement", {}, "method.reinforcement.grader"],
    [
      "reinforcement",
      { grader, hyperparameters: { reasoning_effort: "high" } },
      "method.reinforcement.hyperparameters.reasoning_effort",
    ],
    ["reinforcement", { grader: { ...grader, input: "{{sample.text}}" } }, "method.reinforcement.grader.input"],
    ["ppo", {}, "method.ppo.reward"],
    [
      "ppo",
      { reward: { ...reward, grader: { ...grader, reference: "{{item" } } },
      "method.ppo.reward.grader.reference",
    ],
    ["grpo", { reward, hyperparameters: { num_generations: 1 } }, "method.grpo.hyperparameters.num_generations"],
    ["grpo", { reward, stop: { kl: -1 } }, "method.grpo.stop.kl"],
  ])("of type %s with %j is refused with the field", async (type, settings, param) => {
    const body = { model, training_file: prompts, method: { type, [type]: settings } };
    expect(await api.refusal("POST", JOBS, { key, body })).toMatchObject({ status: 400, param });
  });

  it("refuses a Python grader by name, and files that are no prompts", async () => {
    const python = { type: "python", name: "p", source: "def grade(sample, item): return 1" };
    const method = { type: "reinforcement", reinforcement: { grader: python } };
    expect(await api.refusal("POST", JOBS, { key, body: { model, training_file: prompts, method } })).toMatchObject({
      status: 400,
      message: expect.stringContaining("python"),
    });
    const chats = await api.dataset(key);
    const body = { model, training_file: chats, method: { type: "grpo", grpo: { reward } } };
    expect(await api.refusal("POST", JOBS, { key, body })).toMatchObject({
      param: "training_file",
      message: expect.stringContaining("prompts to answer"),
    });
  });
});
