/** Every call of the official SDK's fine-tuning resources, unchanged, as people use them who come from OpenAI. */
import type OpenAI from "openai";
import { toFile } from "openai";
import { beforeAll, describe, expect, it } from "vitest";
import { Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
const model = "sdk-base";
let client: OpenAI;

beforeAll(async () => {
  await api.base(model);
  client = openai(api, await api.tenant("sdk"));
});

const chat = (role: string, content: string) => ({ role, content });
const lines = (name: string, values: readonly object[]) =>
  toFile(Buffer.from(values.map((value) => JSON.stringify(value)).join("\n")), name);
const upload = async (values: readonly object[]): Promise<string> =>
  (await client.files.create({ file: await lines("train.jsonl", values), purpose: "fine-tune" })).id;

const check = {
  type: "string_check",
  name: "exact",
  operation: "eq",
  input: "{{sample.output_text}}",
  reference: "{{item.answer}}",
} as const;

/** OpenAI's own methods, with their documented examples of data. */
const METHODS: readonly {
  readonly method: OpenAI.FineTuning.JobCreateParams.Method;
  readonly data: readonly object[];
}[] = [
  {
    method: {
      type: "supervised",
      supervised: { hyperparameters: { n_epochs: 2, batch_size: "auto", learning_rate_multiplier: 1.5 } },
    },
    data: ["a", "b"].map((text) => ({ messages: [chat("user", text), chat("assistant", "ahoy")] })),
  },
  {
    method: { type: "dpo", dpo: { hyperparameters: { beta: 0.1, n_epochs: "auto" } } },
    data: ["a", "b"].map((text) => ({
      input: { messages: [chat("user", text)] },
      preferred_output: [chat("assistant", "ahoy")],
      non_preferred_output: [chat("assistant", "no")],
    })),
  },
  {
    method: {
      type: "reinforcement",
      reinforcement: {
        grader: check,
        hyperparameters: { reasoning_effort: "default", compute_multiplier: 1, eval_interval: 2, eval_samples: 1 },
      },
    },
    data: ["a", "b"].map((text) => ({ messages: [chat("user", text)], answer: text })),
  },
];

const RESPONSE_FIELDS = [
  ...["id", "object", "created_at", "error", "fine_tuned_model", "finished_at", "hyperparameters", "model"],
  ...["organization_id", "result_files", "seed", "status", "trained_tokens", "training_file", "validation_file"],
  ...["estimated_finish", "integrations", "metadata", "method"],
];

describe.each(METHODS)("a job with the method $method.type", ({ method, data }) => {
  it("is created, paused, resumed and cancelled", async () => {
    const training_file = await upload(data);
    const created = await client.fineTuning.jobs.create({
      ...{ model, training_file, validation_file: training_file, method, suffix: "sdk", seed: 42 },
      metadata: { team: "one" },
      integrations: null,
    });
    expect(Object.keys(created)).toEqual(expect.arrayContaining(RESPONSE_FIELDS));
    expect(created).toMatchObject({
      object: "fine_tuning.job",
      status: "queued",
      method,
      seed: 42,
      finished_at: null,
      fine_tuned_model: null,
      trained_tokens: null,
      error: null,
      result_files: [],
      integrations: [],
    });
    expect(await client.fineTuning.jobs.retrieve(created.id)).toEqual(created);
    // The SDK's type has no "paused".
    const status = async (job: Promise<OpenAI.FineTuning.FineTuningJob>) => (await job).status as string;
    expect(await status(client.fineTuning.jobs.pause(created.id))).toBe("paused");
    expect(await status(client.fineTuning.jobs.resume(created.id))).toBe("queued");
    expect(await status(client.fineTuning.jobs.cancel(created.id))).toBe("cancelled");
    const listed = await collected(client.fineTuning.jobs.list({ limit: 1, metadata: { team: "one" } }));
    expect(listed.map(({ id }) => id)).toContain(created.id);
    const events = await collected(client.fineTuning.jobs.listEvents(created.id, { limit: 2 }));
    expect(events.map(({ message }) => message)).toContain("The job was paused");
    expect(events[0]).toEqual({
      object: "fine_tuning.job.event",
      id: expect.stringMatching(/^ftevent-/),
      created_at: expect.any(Number),
      level: expect.stringMatching(/^(info|warn|error)$/),
      message: expect.any(String),
      type: "message",
      data: null,
    });
  });

  it("ends with checkpoints, whose permissions are kept, and a model", async () => {
    const job = await client.fineTuning.jobs.create({ model, training_file: await upload(data), method });
    const lease = (await trainer.lease())!;
    const result = await trainer.artefacts(lease, method.type);
    const metrics = { train_loss: 0.5, train_mean_token_accuracy: 0.75, full_valid_loss: 0.25 };
    const place = `/v1/trainer/jobs/${lease.job}/checkpoints/3/publish`;
    await api.call("POST", place, trainer.held(lease, { result, metrics }));
    const { model: tuned } = await trainer.complete(lease, result);
    expect(await client.fineTuning.jobs.retrieve(job.id)).toMatchObject({
      status: "succeeded",
      fine_tuned_model: tuned,
      trained_tokens: 120,
      finished_at: expect.any(Number),
    });
    const [checkpoint] = await collected(client.fineTuning.jobs.checkpoints.list(job.id, { limit: 1 }));
    expect(checkpoint).toEqual({
      object: "fine_tuning.job.checkpoint",
      id: expect.stringMatching(/^ftckpt_/),
      created_at: expect.any(Number),
      fine_tuning_job_id: job.id,
      fine_tuned_model_checkpoint: `${tuned}:ckpt-step-3`,
      step_number: 3,
      metrics: { step: 3, ...metrics },
    });
    const { permissions } = client.fineTuning.checkpoints;
    const name = checkpoint!.fine_tuned_model_checkpoint;
    const [granted] = await collected(permissions.create(name, { project_ids: ["sdk"] }));
    expect((await permissions.retrieve(name)).data).toEqual([granted]);
    expect(await collected(permissions.list(name))).toEqual([granted]);
    const gone = await permissions.delete(granted!.id, { fine_tuned_model_checkpoint: name });
    expect(gone).toMatchObject({ deleted: true });
  });
});

const similar = {
  type: "text_similarity",
  name: "close",
  evaluation_metric: "fuzzy_match",
  input: check.input,
  reference: check.reference,
} as const;
const input = [
  { role: "system", content: "Judge the answer." },
  { role: "user", content: { type: "input_text", text: "{{sample.output_text}}" } },
  {
    role: "assistant",
    type: "message",
    content: { type: "output_text", text: "{{sample.choices[0].message.content}}" },
  },
  { role: "developer", content: ["{{item.answer}}", { type: "input_text", text: "Say a number." }] },
] as const;

type Grader = OpenAI.FineTuning.Alpha.GraderRunParams["grader"];
const GRADERS: Readonly<Record<string, object>> = {
  string_check: check,
  text_similarity: similar,
  "text_similarity of an evaluation": { ...similar, pass_threshold: 0.8 },
  score_model: {
    ...{ type: "score_model", name: "judge", model, input, range: [0, 10] },
    sampling_params: { temperature: 0, top_p: 1, seed: 1, max_completions_tokens: 32, reasoning_effort: null },
  },
  label_model: {
    ...{ type: "label_model", name: "label", model, input },
    ...{ labels: ["good", "bad"], passing_labels: ["good"] },
  },
  "multi of one": { type: "multi", name: "one", graders: check, calculate_output: "exact" },
  "multi of a map": {
    ...{ type: "multi", name: "both", graders: { right: check, close: similar } },
    calculate_output: "0.5 * right + 0.5 * close",
  },
};

describe.each(Object.entries(GRADERS))("the grader %s", (_, given) => {
  const grader = given as Grader;

  it("is validated and run", async () => {
    const graders = client.fineTuning.alpha.graders;
    expect((await graders.validate({ grader })).grader).toMatchObject({ type: grader.type, name: grader.name });
    const run = await graders.run({ grader, model_sample: "ahoy", item: { answer: "ahoy" } });
    expect(run).toMatchObject({ reward: expect.any(Number), metadata: { type: grader.type, name: grader.name } });
    expect(Object.keys(run).sort()).toEqual([
      "metadata",
      "model_grader_token_usage_per_model",
      "reward",
      "sub_rewards",
    ]);
  });
});

it("a python grader is refused by name, with what to use instead", async () => {
  const grader: Grader = {
    type: "python",
    name: "own",
    source: "def grade(sample, item): return 1",
    image_tag: "2025-05-08",
  };
  for (const call of [
    client.fineTuning.alpha.graders.run({ grader, model_sample: "x" }),
    client.fineTuning.alpha.graders.validate({ grader }),
  ]) {
    await expect(call).rejects.toMatchObject({
      status: 400,
      code: "unsupported_parameter",
      param: "grader.type",
      message: expect.stringContaining("use string_check"),
    });
  }
});
