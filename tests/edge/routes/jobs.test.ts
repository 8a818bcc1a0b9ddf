import { env, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Job } from "../../../shared/api/jobs.ts";
import { settingsOf } from "../../../shared/api/methods.ts";
import { PEFT_METHODS } from "../../../shared/peft/registry.ts";
import { Api, CHAT_LINES } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const model = "job-base";
const path = "/v1/fine_tuning/jobs";
let key: string;
let file: string;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("jobber");
  file = await api.dataset(key);
});

const refused = (fields: Record<string, unknown>) =>
  api.refusal("POST", path, { key, body: { model, training_file: file, ...fields } });
const supervised = (settings: Record<string, unknown>) => ({ method: { type: "supervised", supervised: settings } });
const several = (...peft: readonly object[]) => supervised({ peft });
const lora = (settings: Record<string, unknown>) => supervised({ peft: { type: "lora", ...settings } });

describe("a job of several files", () => {
  const alpaca = [{ instruction: "i", output: "o" }];

  it("shows the first of each list where the SDK looks, and the lists beside it; its trainer gets them all", async () => {
    const own = await api.tenant("mixer");
    const client = openai(api, own);
    const [a, b, c] = [await api.dataset(own), await api.dataset(own, alpaca), await api.dataset(own, alpaca)];
    const training_file = [a, { id: b, weight: 0.5, max_examples: 10 }] as unknown as string;
    const job = await client.fineTuning.jobs.create({
      ...{ model, training_file, validation_file: [c, a] as unknown as string },
      ...({ mixture: { temperature: 2 } } as object),
    });
    expect(job).toMatchObject({
      ...{ training_file: a, validation_file: c, validation_files: [c, a] },
      training_files: [
        { id: a, weight: 1 },
        { id: b, weight: 0.5, max_examples: 10 },
      ],
      mixture: { temperature: 2, strategy: "shuffle" },
    });
    expect(await client.fineTuning.jobs.retrieve(job.id)).toEqual(job);
    for (const id of [a, b, c]) {
      await expect(client.files.delete(id)).rejects.toMatchObject({ status: 409 });
    }
    const trainer = new FakeTrainer(api);
    const lease = (await trainer.lease())!;
    expect(lease).toMatchObject({
      ...{ job: job.id, training_file: { id: a }, validation_file: { id: c } },
      mixture: { temperature: 2, strategy: "shuffle", files: [{ file: { id: a } }, { file: { id: b }, weight: 0.5 }] },
      validation_files: [{ id: c }, { id: a }],
    });
    for (const { path: source } of [lease.mixture!.files[1]!.file, lease.validation_files![0]!]) {
      expect((await trainer.read(lease, source)).status).toBe(200);
    }
    await client.fineTuning.jobs.cancel(job.id);
    for (const id of [a, b, c]) await client.files.delete(id);
  });

  it("names what is wrong by its place in the list", async () => {
    const [other, texts] = [await api.dataset(key, alpaca), await api.dataset(key, [{ positive: "a", negative: "b" }])];
    const silent = await api.dataset(key, [
      {
        messages: [
          { role: "user", content: "q" },
          { role: "user", content: "q" },
        ],
      },
    ]);
    for (const [fields, param] of [
      [{ training_file: [file, { id: other, weight: 0 }] }, "training_file[1].weight"],
      [{ training_file: [file, other, file] }, "training_file[2]"],
      [{ training_file: [file, "file-none"] }, "training_file[1]"],
      [{ training_file: ["file-none", file] }, "training_file[0]"],
      [{ training_file: [file, texts] }, "training_file[1]"],
      [{ training_file: [file, silent] }, "training_file[1]"],
      [{ training_file: [file], validation_file: [other, texts] }, "validation_file[1]"],
      [{ training_file: file, mixture: { temperature: 2 } }, "mixture"],
      [{ training_file: [texts, file], method: { type: "steering_vector" } }, "training_file"],
    ] as const) {
      expect(await refused(fields), JSON.stringify(fields)).toMatchObject({ param });
    }
  });

  it("is tried out file by file", async () => {
    const other = await api.dataset(key, alpaca);
    const body = { model, training_file: [file, other], validation_file: [other] };
    expect(await api.call("POST", `${path}?validate=true`, { key, body })).toMatchObject({
      ...{ valid: true, training_file: { file, lines: 2 }, validation_file: { file: other, lines: 1 } },
      training_files: [
        { file, lines: 2 },
        { file: other, lines: 1 },
      ],
      validation_files: [{ file: other, lines: 1 }],
    });
  });
});

describe("a job's files", () => {
  const classifier = { method: { type: "classifier" } };
  const labelled = ["good", "bad"].map((label) => ({ text: `${label} text`, label }));

  it("are of the kind that its type needs, or refused by name", async () => {
    const texts = await api.dataset(key, labelled);
    const job = await api.call<Job>("POST", path, {
      key,
      body: { model, training_file: texts, validation_file: texts, ...classifier },
    });
    expect(job.method).toMatchObject({
      type: "classifier",
      classifier: {
        value_rank: 16,
        hyperparameters: { lm_weight: 0.6 },
        peft: { type: "lora" },
        prefix: { min_tokens: 1 },
      },
    });
    // Labelled texts are texts to imitate as well.
    await api.call("POST", path, { key, body: { model, training_file: texts } });
    expect(await refused(classifier)).toMatchObject({
      status: 400,
      code: "invalid_request",
      param: "training_file",
      message: expect.stringContaining("the job needs texts with labels"),
    });
    expect(await refused({ ...classifier, training_file: texts, validation_file: file })).toMatchObject({
      param: "validation_file",
    });
    const pairs = await api.dataset(key, [{ positive: "a", negative: "b" }]);
    expect(await refused({ training_file: pairs })).toMatchObject({ param: "training_file" });
    const one = await api.dataset(key, labelled.slice(0, 1));
    expect(await refused({ ...classifier, training_file: one })).toMatchObject({
      param: "training_file",
      message: expect.stringContaining("at least 2 labels are needed"),
    });
  });

  it("are shown by a dry run as the kind that they are", async () => {
    const texts = await api.dataset(key, labelled);
    const body = { model, training_file: texts, ...classifier };
    const shown = await api.call<{ valid: boolean }>("POST", `${path}?validate=true`, { key, body });
    expect(shown).toMatchObject({ valid: true, training_file: { lines: 2, kept: 2 } });
    const wrong = { ...body, training_file: file };
    expect(await api.refusal("POST", `${path}?validate=true`, { key, body: wrong })).toMatchObject({
      param: "training_file",
    });
  });

  it.each([
    [{ peft: { type: "full" } }, "method.classifier.peft"],
    [{ peft: [], modes: ["class_rows"] }, "method.classifier.modes"],
    [{ modes: [] }, "method.classifier.modes"],
    [{ modes: ["lookahead", "lookahead"] }, "method.classifier.modes"],
    [{ modes: ["guess"] }, "method.classifier.modes[0]"],
    [{ value_rank: 0 }, "method.classifier.value_rank"],
    [{ hyperparameters: { lm_weight: 0 } }, "method.classifier.hyperparameters.lm_weight"],
    [{ prefix: { min_tokens: 0 } }, "method.classifier.prefix.min_tokens"],
    [{ threshold: 1 }, "method.classifier.threshold"],
  ])("do not help settings that make no sense: %j", async (settings, param) => {
    expect(await refused({ method: { type: "classifier", classifier: settings } })).toMatchObject({
      status: 400,
      param,
    });
  });
});

describe("creating a job", () => {
  it("answers as OpenAI's does", async () => {
    const job = await openai(api, key).fineTuning.jobs.create({
      model,
      training_file: file,
      validation_file: file,
      suffix: "my-suffix",
      seed: 1,
      metadata: { a: "b" },
      method: { type: "supervised", supervised: { hyperparameters: { n_epochs: 2, batch_size: "auto" } } },
    });
    expect(job).toMatchObject({
      id: expect.stringMatching(/^ftjob-\w{24}$/),
      object: "fine_tuning.job",
      model,
      status: "queued",
      organization_id: "jobber",
      training_file: file,
      validation_file: file,
      hyperparameters: { n_epochs: 2, batch_size: "auto", learning_rate_multiplier: "auto" },
      fine_tuned_model: null,
      finished_at: null,
      trained_tokens: null,
      result_files: [],
      integrations: [],
      seed: 1,
      metadata: { a: "b" },
      error: null,
    });
    expect(job.method).toEqual({
      type: "supervised",
      supervised: {
        hyperparameters: { n_epochs: 2, batch_size: "auto", learning_rate_multiplier: "auto" },
        peft: {
          ...{ type: "lora", r: 8, lora_alpha: 16, lora_dropout: 0, use_rslora: false },
          target_modules: "all-linear",
        },
      },
    });
  });

  it("fills in a method, takes the old place of hyperparameters, and draws a seed", async () => {
    const plain = await api.call<Job>("POST", path, { key, body: { model, training_file: file } });
    expect(settingsOf(plain.method).peft).toMatchObject({ type: "lora", r: 8 });
    expect(plain.seed).toBeGreaterThanOrEqual(0);
    const old = await api.call<Job>("POST", path, {
      key,
      body: { model, training_file: file, hyperparameters: { n_epochs: 4 } },
    });
    expect(settingsOf(old.method).hyperparameters!.n_epochs).toBe(4);
    const full = { ...supervised({ peft: { type: "full" } }), executor: "tensorflow" };
    expect(await api.call("POST", path, { key, body: { model, training_file: file, ...full } })).toMatchObject({
      executor: "tensorflow",
      method: { supervised: { peft: { type: "full" } } },
    });
  });

  it("takes several methods, and combinations by name, with every default filled in", async () => {
    const create = async (...peft: readonly object[]) =>
      (await api.call<Job>("POST", path, { key, body: { model, training_file: file, ...several(...peft) } })).method;
    const adapters = { type: "bottleneck", config: "par_bn", reduction_factor: { 0: 2, default: 4 } };
    expect(await create({ type: "lora", r: 4 }, adapters)).toMatchObject({
      supervised: { peft: [{ type: "lora", r: 4, lora_alpha: 16 }, adapters] },
    });
    const stored = settingsOf(await create({ type: "unipelt", lora: { r: 2 } }));
    expect(stored.peft).toMatchObject([
      {
        type: "unipelt",
        prefix_tuning: { num_virtual_tokens: 10, prefix_projection: true },
        adapter: { config: "seq_bn" },
        lora: { r: 2, lora_alpha: 16, target_modules: ["q_proj", "v_proj"] },
      },
    ]);
  });

  it.each([
    ["a rank of 0", lora({ r: 0 }), "method.supervised.peft.r", "must be at least 1"],
    ["a rank of 10,000", lora({ r: 10_000 }), "method.supervised.peft.r", "from 1 to 8"],
    [
      "target modules that match nothing",
      lora({ target_modules: ["wq"] }),
      "method.supervised.peft.target_modules",
      "q_proj",
    ],
    [
      "a pattern that matches nothing",
      lora({ target_modules: "(a+)+b" }),
      "method.supervised.peft.target_modules",
      "no linear layer",
    ],
    [
      "an unknown adapter",
      supervised({ peft: { type: "not-here" } }),
      "method.supervised.peft.type",
      '"not-here" is not supported',
    ],
    [
      "an unknown adapter among several, with those that are known",
      several({ type: "lora" }, { type: "not-here" }),
      "method.supervised.peft[1].type",
      'must be one of "lora", ',
    ],
    ["an adapter without a type", supervised({ peft: { r: 4 } }), "method.supervised.peft.type", "is required: one of"],
    ["no adapter", several(), "method.supervised.peft", "must not be empty"],
    ["nine adapters", several(...new Array(9).fill({ type: "lora" })), "method.supervised.peft", "at most 8"],
    [
      "a wrong setting of one",
      several({ type: "lora" }, { type: "lora", r: 0 }),
      "method.supervised.peft[1].r",
      "at least 1",
    ],
    [
      "a setting that does not fit the model",
      several({ type: "lora" }, { type: "bottleneck", leave_out: [7] }),
      "method.supervised.peft[1].leave_out",
      "includes layer 7",
    ],
    ["another method's setting", several({ type: "bottleneck", r: 4 }), "method.supervised.peft[0].r", "Unknown field"],
    [
      "an adapter that cannot be served",
      supervised({ peft: { type: "bottleneck", ln_before: true } }),
      "method.supervised.peft.ln_before",
      "must be false",
    ],
    [
      "all weights beside an adapter",
      several({ type: "lora" }, { type: "full" }),
      "method.supervised.peft[1]",
      "send it alone",
    ],
    [
      "two prefixes",
      several({ type: "prefix" }, { type: "mam" }),
      "method.supervised.peft[1].prefix_tuning",
      "can have one",
    ],
    [
      "a preset's part beyond the context",
      supervised({ peft: { type: "mam", prefix_tuning: { num_virtual_tokens: 127 } } }),
      "method.supervised.peft.prefix_tuning.num_virtual_tokens",
      "leave no room",
    ],
    [
      "a preset's part with an unknown setting",
      several({ type: "unipelt", lora: { rank: 4 } }),
      "method.supervised.peft[0].lora.rank",
      "Unknown field",
    ],
    ["another method", { method: { type: "rlhf", rlhf: {} } }, "method.type", '"rlhf" is not supported'],
    [
      "too many epochs",
      supervised({ hyperparameters: { n_epochs: 51 } }),
      "method.supervised.hyperparameters.n_epochs",
      "50",
    ],
    [
      "words for a number",
      supervised({ hyperparameters: { batch_size: "big" } }),
      "method.supervised.hyperparameters.batch_size",
      "auto",
    ],
    [
      "sequences beyond the context",
      supervised({ hyperparameters: { max_length: 129 } }),
      "method.supervised.hyperparameters.max_length",
      "128",
    ],
    [
      "both places of a hyperparameter",
      { ...supervised({ hyperparameters: { n_epochs: 3 } }), hyperparameters: { n_epochs: 4 } },
      "hyperparameters.n_epochs",
      "one of them",
    ],
    ["a hyperparameter out of range", { hyperparameters: { n_epochs: 51 } }, "hyperparameters.n_epochs", "at most 50"],
    ["an executor that is not known", { executor: "jax" }, "executor", "onnxruntime"],
    ["a suffix that would change the name's parts", { suffix: "a:b" }, "suffix", "letters"],
    ["a long suffix", { suffix: "a".repeat(65) }, "suffix", "64"],
    [
      "too much metadata",
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, "x"])) },
      "metadata",
      "16",
    ],
    ["integrations", { integrations: [{ type: "wandb" }] }, "integrations", "no integration is supported"],
    ["somebody else's fields", { fine_tuned_model: "ft:x" }, "fine_tuned_model", "Unknown field"],
    ["a status", { status: "succeeded" }, "status", "Unknown field"],
    ["no model", { model: undefined }, "model", "required"],
  ])("refuses %s", async (_, fields, param, message) => {
    const refusal = await refused(fields);
    expect(refusal).toMatchObject({ status: 400, param });
    expect(refusal.message).toContain(message);
  });

  it("refuses an unknown model and an unknown file", async () => {
    expect(await refused({ model: "gpt-4o" })).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
    expect(await refused({ training_file: "file-x" })).toMatchObject({
      status: 404,
      code: "not_found",
      param: "training_file",
    });
    expect(await refused({ validation_file: "file-x" })).toMatchObject({ status: 404, param: "validation_file" });
  });

  it("refuses a dataset with nothing to learn in it", async () => {
    const [user, assistant] = CHAT_LINES[0]?.messages ?? [];
    const lines = [{ messages: [user] }, { messages: [user, { ...assistant, weight: 0 }] }];
    const empty = await api.dataset(key, lines);
    expect(await refused({ training_file: empty })).toMatchObject({
      status: 400,
      code: "invalid_dataset",
      param: "training_file",
    });
  });

  it("leaves nothing behind when it refuses", async () => {
    const count = async () => (await api.call<{ data: unknown[] }>("GET", `${path}?limit=100`, { key })).data.length;
    const before = await count();
    await refused({ model: "gpt-4o" });
    await refused({ training_file: "file-x" });
    expect(await count()).toBe(before);
  });
});

describe("an Idempotency-Key", () => {
  const create = (name: string, body: Record<string, unknown>, owner = key) =>
    api.send("POST", path, { key: owner, headers: { "idempotency-key": name }, body });

  it("makes one job of any number of requests", async () => {
    const body = { model, training_file: file };
    const replies = await Promise.all([create("one", body), create("one", body), create("one", body)]);
    const good = replies.filter(({ status }) => status === 200);
    expect(good.length).toBeGreaterThan(0);
    expect(replies.every(({ status }) => status === 200 || status === 409)).toBe(true);
    const again = await create("one", body);
    const ids = await Promise.all([...good, again].map(async (reply) => ((await reply.json()) as Job).id));
    expect(new Set(ids).size).toBe(1);
  });

  it("brings errors again as well", async () => {
    const body = { model, training_file: "file-later" };
    const first = await create("two", body);
    const second = await create("two", body);
    expect([first.status, second.status]).toEqual([404, 404]);
    expect(await second.json()).toEqual(await first.json());
    expect(second.headers.get("idempotent-replayed")).toBe("true");
  });

  it("brings a failure of the server again as well", async () => {
    const broken = new Api({ BLOBS: {} as never });
    const body = { model, training_file: file };
    const options = { key, headers: { "idempotency-key": "three" }, body };
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await broken.refusal("POST", path, options)).toMatchObject({ status: 500, code: "internal_error" });
    expect(await api.refusal("POST", path, options)).toMatchObject({ status: 500, code: "internal_error" });
    log.mockRestore();
  });

  it("refuses another body, and is no other tenant's business", async () => {
    const body = { model, training_file: file };
    await create("four", body);
    const other = await create("four", { ...body, seed: 2 });
    expect(other.status).toBe(422);
    expect(await other.json()).toMatchObject({
      error: { code: "idempotency_mismatch", type: "invalid_request_error" },
    });
    const stranger = await api.tenant("job-stranger");
    expect((await create("four", { ...body, seed: 2 }, stranger)).status).toBe(404);
    expect((await create("x".repeat(256), body)).status).toBe(400);
  });
});

describe("what a job lists", () => {
  it("is paged through by the SDK", async () => {
    const pager = await api.tenant("job-pager");
    const mine = await api.dataset(pager);
    const client = openai(api, pager);
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.unshift((await client.fineTuning.jobs.create({ model, training_file: mine })).id);
    expect((await collected(client.fineTuning.jobs.list({ limit: 2 }))).map(({ id }) => id)).toEqual(ids);
    const [newest = ""] = ids;
    await client.fineTuning.jobs.cancel(newest);
    const events = await collected(client.fineTuning.jobs.listEvents(newest));
    expect(events.map(({ message }) => message)).toEqual([
      "The job was cancelled",
      `Created fine-tuning job: ${newest}`,
    ]);
    expect(events[0]).toMatchObject({ object: "fine_tuning.job.event", level: "warn", type: "message", data: null });
    expect(await collected(client.fineTuning.jobs.checkpoints.list(newest))).toEqual([]);
    expect(await client.fineTuning.jobs.retrieve(newest)).toMatchObject({ status: "cancelled" });
  });

  it("is filtered by metadata, as OpenAI's is", async () => {
    const filtering = await api.tenant("filterer");
    const client = openai(api, filtering);
    const training_file = await api.dataset(filtering);
    const create = (metadata: Record<string, string> | null) =>
      client.fineTuning.jobs.create({ model, training_file, metadata });
    const made = [await create({ team: "a", run: "1" }), await create({ team: "a", "x.y": "" }), await create(null)];
    const [first, second, bare] = made.map(({ id }) => id);
    const listed = async (metadata?: Record<string, string>) =>
      (await collected(client.fineTuning.jobs.list({ ...(metadata && { metadata }), limit: 1 }))).map(({ id }) => id);
    expect(await listed()).toEqual([bare, second, first]);
    expect(await listed({ team: "a" })).toEqual([second, first]);
    expect(await listed({ team: "a", run: "1" })).toEqual([first]);
    expect(await listed({ "x.y": "" })).toEqual([second]);
    expect(await listed({ team: "b" })).toEqual([]);
    const query = (text: string) => api.call("GET", `${path}?${text}`, { key: filtering });
    expect(await query("metadata=null")).toMatchObject({ data: [{ id: bare }] });
    for (const [text, param] of [
      ["metadata=5", "metadata"],
      ["metadata=null&metadata[team]=a", "metadata[team]"],
      ["team=a", "team"],
    ] as const) {
      expect(await api.refusal("GET", `${path}?${text}`, { key: filtering })).toMatchObject({ status: 400, param });
    }
  });

  it("pauses and resumes while it waits, and does neither after its end", async () => {
    const client = openai(api, key);
    const { id } = await client.fineTuning.jobs.create({ model, training_file: file });
    expect(await client.fineTuning.jobs.pause(id)).toMatchObject({ status: "paused" });
    expect(await client.fineTuning.jobs.resume(id)).toMatchObject({ status: "queued" });
    await client.fineTuning.jobs.cancel(id);
    for (const verb of ["pause", "resume"]) {
      expect(await api.refusal("POST", `${path}/${id}/${verb}`, { key })).toMatchObject({
        status: 409,
        code: "conflict",
      });
    }
  });
});

/** What a method needs on a model as small as this one, and without biases. */
const SMALL: Readonly<Record<string, object>> = {
  adalora: { init_r: 4, target_r: 2 },
  bitfit: { add_biases: true },
};

describe("a job that is sent back", () => {
  it.each(Object.keys(PEFT_METHODS))("creates the same job again, with %s, before it ran and after", async (type) => {
    const asked = supervised({ peft: { type, ...SMALL[type] }, hyperparameters: { batch_size: 2 } });
    const first = await api.call<Job>("POST", path, { key, body: { model, training_file: file, ...asked } });
    const again = async (job: Job) => {
      const { method, hyperparameters, training_file, validation_file, suffix, seed, metadata, executor } = job;
      const { integrations } = job;
      const fields = { method, hyperparameters, training_file, validation_file, suffix, seed, metadata, executor };
      return api.call<Job>("POST", path, { key, body: { model: job.model, integrations, ...fields } });
    };
    const second = await again(first);
    await api.call("POST", `${path}/${second.id}/cancel`, { key });
    const trainer = new FakeTrainer(api);
    for (let done = ""; done !== first.id; ) done = (await trainer.work(first.id)).lease.job;
    const ended = await api.call<Job>("GET", `${path}/${first.id}`, { key });
    expect(ended.hyperparameters.n_epochs).toBe(3);
    // The trainer here reports less than a real one does.
    const resolved = { batch_size: 2, learning_rate: 2e-4, learning_rate_multiplier: 1, lr_schedule: "cosine" };
    const hyperparameters = { ...ended.hyperparameters, ...resolved, warmup_steps: 1 };
    const third = await again({ ...ended, hyperparameters });
    await api.call("POST", `${path}/${third.id}/cancel`, { key });
    for (const { method, seed } of [second, third])
      expect({ method, seed }).toEqual({ method: first.method, seed: first.seed });
  });
});

describe("a change that a job's state forbids", () => {
  it("is refused once, also where the SDK would send a conflict again", async () => {
    const { id } = await api.call<Job>("POST", path, { key, body: { model, training_file: file } });
    const trainer = new FakeTrainer(api);
    for (let done = ""; done !== id; ) done = (await trainer.work(id)).lease.job;
    let requests = 0;
    const counting = openai(api, key, () => requests++).withOptions({ maxRetries: 3 });
    for (const change of ["cancel", "pause", "resume"] as const) {
      requests = 0;
      await expect(counting.fineTuning.jobs[change](id)).rejects.toMatchObject({ status: 409, code: "conflict" });
      expect(requests, change).toBe(1);
    }
  });
});

describe("events as a stream", () => {
  it("come as they happen, until the job has ended", async () => {
    const { id } = await api.call<Job>("POST", path, { key, body: { model, training_file: file } });
    const response = await api.send("GET", `${path}/${id}/events`, { key, headers: { accept: "text/event-stream" } });
    const reading = response.text();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await api.call("POST", `${path}/${id}/pause`, { key });
    await api.call("POST", `${path}/${id}/cancel`, { key });
    const lines = (await reading)
      .trim()
      .split("\n\n")
      .filter((line) => !line.startsWith(":"));
    expect(lines.at(-1)).toBe("data: [DONE]");
    const messages = lines.slice(0, -1).map((line) => JSON.parse(line.slice("data: ".length)).message);
    expect(messages).toEqual([`Created fine-tuning job: ${id}`, "The job was paused", "The job was cancelled"]);
  });

  it("are asked for with a parameter as well", async () => {
    const { data } = await api.call<{ data: Job[] }>("GET", path, { key });
    const ended = data.find(({ status }) => status === "cancelled");
    const response = await api.send("GET", `${path}/${ended?.id}/events?stream=true`, { key });
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(await response.text()).toContain("[DONE]");
    expect(await api.refusal("GET", `${path}/ftjob-none/events?stream=true`, { key })).toMatchObject({ status: 404 });
  });
});

describe("the Dispatcher", () => {
  it("hears of a job that it missed from the tenant's alarm", async () => {
    const tenant = await api.tenant("outboxer");
    const mine = await api.dataset(tenant);
    const { id } = await api.call<Job>("POST", path, { key: tenant, body: { model, training_file: mine } });
    const dispatcher = env.DISPATCHER.get(env.DISPATCHER.idFromName("dispatcher"));
    const inQueue = () =>
      runInDurableObject(
        dispatcher,
        (_, { storage }) => storage.sql.exec("SELECT count(*) AS count FROM queue WHERE job = ?", id).one().count,
      );
    expect(await inQueue()).toBe(1);
    await runInDurableObject(
      dispatcher,
      (_, { storage }) => void storage.sql.exec("DELETE FROM queue WHERE job = ?", id),
    );
    const stub = env.TENANT.get(env.TENANT.idFromName("outboxer"));
    await runInDurableObject(stub, async (_, { storage }) => {
      storage.sql.exec("UPDATE jobs SET told = 0 WHERE id = ?", id);
      await storage.setAlarm(Date.now() + 60_000);
    });
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await inQueue()).toBe(1);
  });
});
