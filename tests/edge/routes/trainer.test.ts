import { env, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Job } from "../../../shared/api/jobs.ts";
import type { Lease } from "../../../shared/api/trainer.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { ADMIN_TOKEN, Api, TRAINER_TOKEN } from "../support/api.ts";
import { FakeEngine } from "../support/fake-engine.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
const engine = new FakeEngine();
let key: string;
let file: string;

beforeAll(async () => {
  await api.base("trainer-base");
  key = await api.tenant("trainee");
  file = await api.dataset(key);
});

afterEach(async () => {
  vi.useRealTimers();
  const { data } = await api.call<{ data: Job[] }>("GET", "/v1/fine_tuning/jobs", { key });
  for (const job of data) {
    if (job.finished_at === null) await api.call("POST", `/v1/fine_tuning/jobs/${job.id}/cancel`, { key });
  }
});

async function createJob(fields: Record<string, unknown> = {}): Promise<Job> {
  return api.call<Job>("POST", "/v1/fine_tuning/jobs", {
    key,
    body: { model: "trainer-base", training_file: file, ...fields },
  });
}

async function jobNow(id: string): Promise<Job> {
  return api.call<Job>("GET", `/v1/fine_tuning/jobs/${id}`, { key });
}

async function leased(): Promise<Lease> {
  const lease = await trainer.lease({ seconds: 30 });
  if (lease === undefined) throw new Error("nothing to lease");
  return lease;
}

/** Lets a lease lapse: the alarm runs as if its time had come. */
async function lapse(): Promise<void> {
  const stub = env.DISPATCHER.get(env.DISPATCHER.idFromName("dispatcher"));
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
  await runDurableObjectAlarm(stub);
  vi.useRealTimers();
}

describe("a job's life", () => {
  it("goes from the queue through events and checkpoints to a published model", async () => {
    const job = await createJob({ suffix: "sailor", seed: 7, metadata: { team: "a" } });
    expect(job).toMatchObject({ status: "queued", seed: 7, metadata: { team: "a" }, fine_tuned_model: null });

    const lease = await leased();
    expect(lease).toMatchObject({
      job: job.id,
      tenant: "trainee",
      attempt: 1,
      seed: 7,
      suffix: "sailor",
      executor: null,
      checkpoint: null,
      validation_file: null,
      base: { id: "trainer-base" },
      training_file: { id: file, format: "chat", lines: 2 },
      method: { type: "supervised", supervised: { peft: { type: "lora", r: 8, target_modules: "all-linear" } } },
    });
    expect(await jobNow(job.id)).toMatchObject({ status: "running" });

    const dataset = new TextDecoder().decode(await (await trainer.read(lease, lease.training_file.path)).bytes());
    expect(dataset).toContain("ahoy");
    const config = lease.base.files.find(({ name }) => name === "config.json");
    expect(await (await trainer.read(lease, config?.path ?? "")).json()).toMatchObject({ model_type: "llama" });

    expect(await trainer.heartbeat(lease, { step: 1, estimated_finish: 2_000_000_000 })).toEqual({
      cancel: false,
      pause: false,
      lease_seconds: 30,
    });
    expect(await jobNow(job.id)).toMatchObject({ estimated_finish: 2_000_000_000 });

    const events = [1, 2].map((step) => ({
      seq: step,
      level: "info",
      message: `Step ${step}/2: training loss=1.0`,
      type: "metrics",
      data: { step, total_steps: 2, train_loss: 1 },
    }));
    expect(await trainer.events(lease, events)).toEqual({ accepted: 2, duplicates: 0 });
    expect(await trainer.events(lease, events)).toEqual({ accepted: 0, duplicates: 2 });

    expect((await trainer.checkpoint(lease, 1, new Uint8Array([1, 2, 3]))).status).toBe(200);
    const early = await trainer.artefacts(lease, "early");
    const checkpoint = await api.call<{ model: string }>(
      "POST",
      `/v1/trainer/jobs/${lease.job}/checkpoints/1/publish`,
      trainer.held(lease, { result: early, metrics: { step: 1, train_loss: 1 } }),
    );
    expect(checkpoint.model).toMatch(/^ft:trainer-base:trainee:sailor:\w{8}:ckpt-step-1$/);

    const result = await trainer.artefacts(lease);
    const { model } = await trainer.complete(lease, result);
    expect(model).toMatch(/^ft:trainer-base:trainee:sailor:\w{8}$/);
    expect(await trainer.complete(lease, result)).toEqual({ model });

    const done = await jobNow(job.id);
    expect(done).toMatchObject({
      status: "succeeded",
      fine_tuned_model: model,
      trained_tokens: 120,
      hyperparameters: { n_epochs: 3, batch_size: "auto" },
      error: null,
    });
    expect(done.finished_at).toBeGreaterThanOrEqual(done.created_at);
    expect(await api.call("GET", `/v1/models/${encodeURIComponent(model)}`, { key })).toMatchObject({
      id: model,
      owned_by: "trainee",
      root: "trainer-base",
    });
    expect(await api.call("GET", `/v1/fine_tuning/jobs/${job.id}/checkpoints`, { key })).toMatchObject({
      data: [{ step_number: 1, fine_tuned_model_checkpoint: checkpoint.model, metrics: { train_loss: 1 } }],
      has_more: false,
    });
    const { data } = await api.call<{ data: { models: string[] }[] }>("GET", "/v1/deltas", { key });
    expect(data.map(({ models }) => models)).toEqual([[model], [checkpoint.model]]);
    // The resume state has served its purpose.
    await expect
      .poll(async () => (await env.BLOBS.list({ prefix: `tenants/trainee/jobs/${job.id}` })).objects)
      .toEqual([]);
    expect(await trainer.lease()).toBeUndefined();
  });

  it("fails with the trainer's error", async () => {
    const job = await createJob();
    const lease = await leased();
    const error = { code: "non_finite", message: "The loss became NaN at step 3.", param: null };
    await api.call("POST", `/v1/trainer/jobs/${job.id}/fail`, trainer.held(lease, { error }));
    expect(await jobNow(job.id)).toMatchObject({ status: "failed", error });
    expect(await api.call("POST", `/v1/trainer/jobs/${job.id}/fail`, trainer.held(lease, { error }))).toEqual({
      status: "failed",
    });
  });
});

describe("leases", () => {
  it("go to the oldest job, one trainer each", async () => {
    const first = await createJob();
    const second = await createJob();
    expect([(await leased()).job, (await leased()).job]).toEqual([first.id, second.id]);
    expect(await trainer.lease()).toBeUndefined();
  });

  it("lapse, are granted again with a higher fence, and leave the first trainer with nothing", async () => {
    const job = await createJob();
    const first = await leased();
    expect((await trainer.checkpoint(first, 5, new Uint8Array([5]))).status).toBe(200);
    const result = await trainer.artefacts(first);
    await lapse();
    expect(await jobNow(job.id)).toMatchObject({ status: "queued" });

    const second = await leased();
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(second.checkpoint).toMatchObject({ step: 5, bytes: 1 });
    expect([...(await (await trainer.read(second, second.checkpoint?.path ?? "")).bytes())]).toEqual([5]);

    const stale = { status: 409, code: "stale_lease" };
    const base = `/v1/trainer/jobs/${job.id}`;
    const event = { seq: 9, level: "info", message: "m", type: "message", data: null };
    const completion = { result, metrics: {}, trained_tokens: 1 };
    const failure = { error: { code: "internal_error", message: "m", param: null } };
    expect(await api.refusal("POST", `${base}/heartbeat`, trainer.held(first, {}))).toMatchObject(stale);
    expect(await api.refusal("POST", `${base}/events`, trainer.held(first, { events: [event] }))).toMatchObject(stale);
    expect(await api.refusal("POST", `${base}/complete`, trainer.held(first, completion))).toMatchObject(stale);
    expect(await api.refusal("POST", `${base}/fail`, trainer.held(first, failure))).toMatchObject(stale);
    expect(await api.refusal("POST", `${base}/release`, trainer.held(first, { reason: "shutdown" }))).toMatchObject(
      stale,
    );
    expect(
      await api.refusal("POST", `${base}/checkpoints/6/publish`, trainer.held(first, { result, metrics: {} })),
    ).toMatchObject(stale);
    expect((await trainer.checkpoint(first, 6, new Uint8Array([6]))).status).toBe(409);
    expect((await trainer.read(first, first.training_file.path)).status).toBe(409);
    expect(await jobNow(job.id)).toMatchObject({ status: "running", fine_tuned_model: null });

    // The same bytes were stored by the first trainer already; the second publishes them.
    const { model } = await trainer.complete(second, await trainer.artefacts(second));
    expect(await jobNow(job.id)).toMatchObject({ status: "succeeded", fine_tuned_model: model });
    expect(await api.refusal("POST", `${base}/complete`, trainer.held(first, completion))).toMatchObject(stale);
  });

  it("may be finished late as long as nobody else has the job", async () => {
    const job = await createJob();
    const lease = await leased();
    await lapse();
    expect(await trainer.heartbeat(lease)).toMatchObject({ cancel: false });
    expect(await jobNow(job.id)).toMatchObject({ status: "running" });
    expect(await trainer.lease()).toBeUndefined();
    await lapse();
    await trainer.complete(lease, await trainer.artefacts(lease));
    expect(await jobNow(job.id)).toMatchObject({ status: "succeeded" });
    expect(await trainer.lease()).toBeUndefined();
  });

  it("end with a failed job when none of them brought a checkpoint", async () => {
    const job = await createJob();
    for (let attempt = 1; attempt <= LIMITS.leasesWithoutProgress; attempt++) {
      expect(await leased()).toMatchObject({ job: job.id, attempt });
      await lapse();
    }
    expect(await trainer.lease()).toBeUndefined();
    const { status, error } = await jobNow(job.id);
    expect(status).toBe("failed");
    expect(error?.message).toContain("5 trainers in a row");
  });

  it("are counted from the last checkpoint on", async () => {
    const job = await createJob();
    for (let step = 1; step <= LIMITS.leasesWithoutProgress + 2; step++) {
      const lease = await leased();
      expect((await trainer.checkpoint(lease, step, new Uint8Array([step]))).status).toBe(200);
      await lapse();
    }
    expect(await jobNow(job.id)).toMatchObject({ status: "queued" });
  });

  it("can be handed back, which costs no attempt", async () => {
    const job = await createJob();
    for (let round = 0; round < LIMITS.leasesWithoutProgress + 1; round++) {
      const lease = await leased();
      expect(lease.attempt).toBe(1);
      expect(
        await api.call("POST", `/v1/trainer/jobs/${job.id}/release`, trainer.held(lease, { reason: "shutdown" })),
      ).toEqual({ status: "queued" });
    }
  });

  it("wait for a trainer that has the executor, and go to another only where nobody has it", async () => {
    const job = await createJob({ executor: "tensorflow" });
    const tensorflow = new FakeTrainer(api, "tensorflow");
    await new FakeTrainer(api, "tf-first").lease({ executors: ["tensorflow"] }).then(async (lease) => {
      expect(lease?.job).toBe(job.id);
      await api.call(
        "POST",
        `/v1/trainer/jobs/${job.id}/release`,
        trainer.held(lease as Lease, { reason: "shutdown" }),
      );
    });
    expect(await trainer.lease()).toBeUndefined();
    expect(await tensorflow.lease({ executors: ["onnxruntime", "tensorflow"] })).toMatchObject({
      executor: "tensorflow",
    });
  });
});

describe("what the tenant does meanwhile", () => {
  it("cancels at once and tells the trainer", async () => {
    const job = await createJob();
    const lease = await leased();
    const result = await trainer.artefacts(lease);
    expect(await api.call("POST", `/v1/fine_tuning/jobs/${job.id}/cancel`, { key })).toMatchObject({
      status: "cancelled",
    });
    expect(await trainer.heartbeat(lease)).toMatchObject({ cancel: true, pause: false });
    expect(
      await api.refusal(
        "POST",
        `/v1/trainer/jobs/${job.id}/complete`,
        trainer.held(lease, { result, metrics: {}, trained_tokens: 1 }),
      ),
    ).toMatchObject({ status: 409, code: "cancelled" });
    expect(await jobNow(job.id)).toMatchObject({ status: "cancelled", fine_tuned_model: null });
    expect(await api.call("POST", `/v1/fine_tuning/jobs/${job.id}/cancel`, { key })).toMatchObject({
      status: "cancelled",
    });
  });

  it("pauses at a checkpoint and resumes from it", async () => {
    const job = await createJob();
    const lease = await leased();
    expect(await api.call("POST", `/v1/fine_tuning/jobs/${job.id}/pause`, { key })).toMatchObject({ status: "paused" });
    expect(await trainer.heartbeat(lease)).toMatchObject({ cancel: false, pause: true });
    expect((await trainer.checkpoint(lease, 3, new Uint8Array([3]))).status).toBe(200);
    await api.call("POST", `/v1/trainer/jobs/${job.id}/release`, trainer.held(lease, { reason: "paused" }));
    expect(await trainer.lease()).toBeUndefined();
    expect(await api.call("POST", `/v1/fine_tuning/jobs/${job.id}/resume`, { key })).toMatchObject({
      status: "queued",
    });
    expect(await leased()).toMatchObject({ job: job.id, checkpoint: { step: 3 } });
  });

  it("may not delete a file that the job needs", async () => {
    const mine = await api.dataset(key);
    const job = await createJob({ training_file: mine });
    expect(await api.refusal("DELETE", `/v1/files/${mine}`, { key })).toMatchObject({ status: 409, code: "conflict" });
    await api.call("POST", `/v1/fine_tuning/jobs/${job.id}/cancel`, { key });
    expect(await api.call("DELETE", `/v1/files/${mine}`, { key })).toMatchObject({ deleted: true });
  });
});

describe("a result that is not what it claims", () => {
  it("is refused, and its files can be stored anew", async () => {
    await createJob();
    const lease = await leased();
    const result = await trainer.artefacts(lease, "wrong");
    const lying = { ...result, files: result.files.map((entry) => ({ ...entry, bytes: entry.bytes + 1 })) };
    const complete = (body: unknown) =>
      api.refusal("POST", `/v1/trainer/jobs/${lease.job}/complete`, trainer.held(lease, body));
    expect(await complete({ result: lying, metrics: {}, trained_tokens: 1 })).toMatchObject({
      status: 400,
      code: "invalid_delta",
      param: "result.digest",
    });
    const short = { ...result, files: result.files.slice(1) };
    expect(await complete({ result: short, metrics: {}, trained_tokens: 1 })).toMatchObject({
      status: 400,
      message: expect.stringContaining("adapter_config.json"),
    });
    expect(await trainer.complete(lease, await trainer.artefacts(lease, "wrong"))).toMatchObject({
      model: expect.any(String),
    });
  });
});

describe("the trainers' door", () => {
  it("opens to the trainers' token only", async () => {
    const body = { trainer: "x", executors: ["onnxruntime"] };
    for (const wrong of [undefined, key, ADMIN_TOKEN, `${TRAINER_TOKEN}x`]) {
      expect(await api.refusal("POST", "/v1/trainer/leases", { key: wrong, body })).toMatchObject({ status: 401 });
    }
    const closed = new Api({ TRAINER_TOKEN: "" });
    expect(await closed.refusal("POST", "/v1/trainer/leases", { key: "", body })).toMatchObject({ status: 401 });
  });

  it("asks every call for its lease", async () => {
    const path = "/v1/trainer/jobs/ftjob-x/heartbeat";
    expect(await api.refusal("POST", path, { key: TRAINER_TOKEN, body: {} })).toMatchObject({
      status: 400,
      param: "x-trimtab-tenant",
    });
  });
});

describe("a question to a model of the tenant's", () => {
  const question = {
    model: "trainer-base",
    messages: [{ role: "user", content: "Say yes or no." }],
    sampling: { temperature: 0, maxTokens: 8 },
    rule: { spec: { choice: ["yes", "no"] }, param: "method.ppo.grader.labels" },
    at: "method.ppo.grader",
  };
  const ask = (lease: Lease, changes: Record<string, unknown> = {}) =>
    api.send("POST", `/v1/trainer/jobs/${lease.job}/ask`, trainer.held(lease, { ...question, ...changes }));

  it("is answered within its rule and charged to the tenant, for the trainer that holds the job alone", async () => {
    await createJob();
    const lease = await leased();
    const reply = await (await ask(lease)).json();
    expect(reply).toMatchObject({
      text: expect.stringMatching(/^(yes|no)$/),
      usage: { prompt_tokens: expect.any(Number) },
    });
    const usage = await api.call<{ days: { prompt_tokens: number }[] }>("GET", "/v1/usage", { key });
    expect(usage.days.reduce((sum, day) => sum + day.prompt_tokens, 0)).toBeGreaterThan(0);
    expect((await ask({ ...lease, fence: lease.fence + 1 })).status).toBe(409);
    expect((await ask({ ...lease, tenant: "nobody" })).status).toBe(404);
  });

  it("is an error where the server cannot answer, because no reply deserves a reward of 0 for that", async () => {
    const told = new Api({ ENGINE: engine.binding });
    await createJob();
    const lease = await leased();
    const asked = () => told.send("POST", `/v1/trainer/jobs/${lease.job}/ask`, trainer.held(lease, question));
    for (const [code, status] of [
      ["capacity_exceeded", 503],
      ["internal_error", 500],
      ["corrupt_blob", 500],
    ] as const) {
      engine.script = function* () {
        yield { type: "error", code, message: "Not now.", param: null };
      };
      const response = await asked();
      expect([response.status, await response.json()]).toMatchObject([
        status,
        { error: { code, message: "Not now.", param: null } },
      ]);
    }
    // The model's own: it would answer the same question the same way.
    engine.script = function* () {
      yield { type: "error", code: "non_finite", message: "No numbers.", param: null };
    };
    const response = await asked();
    expect([response.status, await response.json()]).toEqual([200, { failure: "No numbers." }]);
  });

  it("is asked within the tenant's limits, which say when to ask again", async () => {
    const limits = await api.tenant("limited-trainee", { requests_per_minute: 600, tokens_per_minute: 30 });
    const data = await api.dataset(limits);
    const body = { model: "trainer-base", training_file: data };
    const job = await api.call<Job>("POST", "/v1/fine_tuning/jobs", { key: limits, body });
    const lease = await leased();
    expect(lease.tenant).toBe("limited-trainee");
    const allowed = await ask(lease);
    expect([allowed.status, allowed.headers.get("x-ratelimit-limit-tokens")]).toEqual([200, "30"]);
    let refused = await ask(lease);
    // The first question may have left some tokens.
    if (refused.status === 200) refused = await ask(lease);
    expect([refused.status, await refused.json()]).toMatchObject([429, { error: { code: "rate_limit_exceeded" } }]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    await api.call("POST", `/v1/fine_tuning/jobs/${job.id}/cancel`, { key: limits });
  });

  it("names the grader's field where the job's owner can mend it", async () => {
    await createJob();
    const response = await ask(await leased(), { model: "ft:gone" });
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { error: { code: "model_not_found", param: "method.ppo.grader.model" } },
    ]);
  });
});
