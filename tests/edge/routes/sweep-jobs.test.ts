/** Sweeps over the whole Worker, with a trainer that only says what a real one would. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Job, JobEvent } from "../../../shared/api/jobs.ts";
import type { SweepReport } from "../../../shared/api/sweep-report.ts";
import type { Lease } from "../../../shared/api/trainer.ts";
import { Api } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
const model = "sweep-base";
const path = "/v1/fine_tuning/jobs";
let key: string;
let chats: string;
let held: string;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("sweeper");
  chats = await api.dataset(key);
  held = await api.dataset(key);
});

const RATES = { path: "hyperparameters.learning_rate", values: [0.1, 0.01, 0.001] };
const supervised = { type: "supervised" };
const body = (sweep: Record<string, unknown>, fields: object = {}) => ({
  ...{ model, training_file: chats, validation_file: held },
  method: { type: "sweep", sweep: { method: supervised, ...sweep } },
  ...fields,
});
const create = (sweep: Record<string, unknown>, fields: object = {}) =>
  api.call<Job>("POST", path, { key, body: body(sweep, fields) });
const refusal = (sweep: Record<string, unknown>, fields: object = {}) =>
  api.refusal("POST", path, { key, body: body(sweep, fields) });
const get = (id: string) => api.call<Job>("GET", `${path}/${id}`, { key });
const until = async (id: string, holds: (job: Job) => boolean): Promise<Job> => {
  for (let tries = 0; tries < 200; tries++) {
    const job = await get(id);
    if (holds(job)) return job;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`still ${JSON.stringify(await get(id))}`);
};
const ended = (id: string) => until(id, ({ finished_at }) => finished_at !== null);
const messages = async (id: string): Promise<string[]> => {
  const { data } = await api.call<{ data: JobEvent[] }>("GET", `${path}/${id}/events?limit=100`, { key });
  return data.map(({ message }) => message).reverse();
};

let seq = 0;
const measure = (lease: Lease, step: number, loss: number) =>
  trainer.events(lease, [
    { seq: seq++, level: "info", message: `step ${step}`, type: "metrics", data: { step, valid_loss: loss } },
  ]);
const complete = async (lease: Lease, loss: number, note = `${lease.job}`) => {
  const result = await trainer.artefacts(lease, note);
  const done = { result, metrics: { tuned_loss: loss, base_loss: 3 }, trained_tokens: 10 };
  return api.call<{ model: string }>("POST", `/v1/trainer/jobs/${lease.job}/complete`, trainer.held(lease, done));
};
const release = (lease: Lease, reason: string) =>
  api.call("POST", `/v1/trainer/jobs/${lease.job}/release`, trainer.held(lease, { reason }));
const lease = async (): Promise<Lease> => {
  for (let tries = 0; tries < 200; tries++) {
    const found = await trainer.lease();
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error("nothing to lease");
};
const rateOf = ({ method }: Lease) =>
  (method as unknown as { supervised: { hyperparameters: { learning_rate: number } } }).supervised.hyperparameters
    .learning_rate;

describe("a sweep over a grid", () => {
  it("runs each combination as a job, and ends with the best one's model alone", async () => {
    const axes = [RATES, { path: "peft.r", values: [2, 4] }];
    const made = await create({ axes, parallel: 2 }, { suffix: "s", seed: 5 });
    expect(made).toMatchObject({ status: "queued", seed: 5, method: { type: "sweep", sweep: { search: "grid" } } });
    expect(made.trials).toHaveLength(6);
    expect(made.best).toBeNull();
    const losses = [2, 1.5, 0.5, 1, 3, 2.5];
    const seen: Lease[] = [];
    for (const loss of losses) {
      const taken = await lease();
      seen.push(taken);
      const { trials } = await get(made.id);
      expect(trials!.filter(({ status }) => status === "queued" || status === "running").length).toBeLessThanOrEqual(2);
      await measure(taken, 10, loss);
      await complete(taken, loss);
    }
    expect(seen.map(rateOf)).toEqual([0.1, 0.1, 0.01, 0.01, 0.001, 0.001]);
    expect(seen[3]).toMatchObject({ suffix: "s-t4", seed: 5, method: { supervised: { peft: { r: 4 } } } });
    expect(await get(seen[2]!.job)).toMatchObject({ sweep: { job: made.id, trial: 3 } });
    const job = await ended(made.id);
    const best = job.trials![2]!;
    expect(job).toMatchObject({
      status: "succeeded",
      trained_tokens: 60,
      fine_tuned_model: best.fine_tuned_model,
      best: { trial: 3, job: seen[2]!.job, value: 0.5, model: best.fine_tuned_model },
    });
    expect(best).toMatchObject({
      settings: { "hyperparameters.learning_rate": 0.01, "peft.r": 2 },
      status: "succeeded",
      steps: 10,
      value: 0.5,
      metrics: { tuned_loss: 0.5, base_loss: 3 },
      reason: null,
    });
    const { data } = await api.call<{ data: { id: string }[] }>("GET", "/v1/models", { key });
    const own = data.map(({ id }) => id).filter((id) => id.includes("s-t"));
    expect(own).toEqual([job.fine_tuned_model]);
    expect(job.trials!.map((trial) => trial.fine_tuned_model === null)).toEqual([true, true, false, true, true, true]);

    const report = await api.call<SweepReport>("GET", `${path}/${made.id}/report`, { key });
    expect(report).toMatchObject({ object: "fine_tuning.sweep.report", best: { trial: 3 }, metric: "valid_loss" });
    expect(report.axes[0]!.groups[0]).toEqual({ value: 0.01, trials: 2, best: 0.5, mean: 0.75 });
    const page = await api.send("GET", `${path}/${made.id}/report`, { key, headers: { accept: "text/html" } });
    const html = await page.text();
    expect(html.match(/<svg /g)).toHaveLength(3);
    expect(html).toContain("hyperparameters.learning_rate");
    expect(job.result_files).toHaveLength(3);
  });

  it("keeps every model where it is asked to, and one that is in use in any case", async () => {
    const all = await create({ axes: [{ path: "seed", values: [1, 2] }], keep: "all" });
    for (const loss of [1, 2]) await complete(await lease(), loss);
    expect((await ended(all.id)).trials!.every((trial) => trial.fine_tuned_model !== null)).toBe(true);

    const one = await create({ axes: [{ path: "seed", values: [1, 2] }] });
    const first = await lease();
    expect(first.seed).toBe(1);
    const { model: used } = await complete(first, 2);
    await api.call("POST", "/v1/aliases", { key, body: { id: "in-use", model: used } });
    await complete(await lease(), 1);
    const job = await ended(one.id);
    expect(job.trials![0]!.fine_tuned_model).toBe(used);
    expect((await messages(one.id)).join("\n")).toContain("its model stays. The alias in-use points to");
  });

  it("does not delete a delta that the best trial shares with another", async () => {
    const made = await create({ axes: [{ path: "seed", values: [1, 2] }] });
    await complete(await lease(), 1, "equal");
    await complete(await lease(), 1, "equal");
    const job = await ended(made.id);
    expect(job.best).toMatchObject({ trial: 1 });
    expect(await api.call("GET", `/v1/models/${job.fine_tuned_model}`, { key })).toMatchObject({ object: "model" });
  });

  it("goes on without trials that failed or were cancelled, and fails without any that has succeeded", async () => {
    const made = await create({ axes: [RATES], parallel: 3 });
    const [first, second, third] = [await lease(), await lease(), await lease()];
    await api.call(
      "POST",
      `/v1/trainer/jobs/${first.job}/fail`,
      trainer.held(first, { error: { code: "non_finite", message: "step 3: too high", param: null } }),
    );
    expect(await api.refusal("POST", `${path}/${second.job}/pause`, { key })).toMatchObject({
      status: 409,
      message: expect.stringContaining(`is trial 2 of the sweep ${made.id}`),
    });
    await api.call("POST", `${path}/${second.job}/cancel`, { key });
    await complete(third, 2);
    expect((await ended(made.id)).trials).toMatchObject([
      { status: "failed", reason: "step 3: too high" },
      { status: "cancelled" },
      { status: "succeeded" },
    ]);

    const lost = await create({ axes: [{ path: "seed", values: [1] }], metric: "reward", goal: "maximize" });
    await complete(await lease(), 2);
    expect(await ended(lost.id)).toMatchObject({
      status: "failed",
      error: { code: "no_trial_succeeded", message: expect.stringContaining('It did not report "reward"') },
    });
  });

  it("is paused, resumed and cancelled with its trials", async () => {
    const made = await create({ axes: [RATES], parallel: 2 });
    const first = await lease();
    expect(await api.call("POST", `${path}/${made.id}/pause`, { key })).toMatchObject({ status: "paused" });
    expect(await trainer.heartbeat(first)).toMatchObject({ pause: true });
    await release(first, "paused");
    expect(await trainer.lease()).toBeUndefined();
    expect((await get(made.id)).trials).toMatchObject([
      { status: "paused" },
      { status: "paused" },
      { status: "waiting" },
    ]);
    expect(await api.refusal("DELETE", `/v1/files/${held}`, { key })).toMatchObject({ status: 409 });
    expect(await api.call("POST", `${path}/${made.id}/resume`, { key })).toMatchObject({ status: "running" });
    const again = await lease();
    await complete(again, 1);
    const cancelled = await api.call<Job>("POST", `${path}/${made.id}/cancel`, { key });
    expect(cancelled).toMatchObject({ status: "cancelled", fine_tuned_model: null });
    expect(cancelled.trials!.map(({ status }) => status)).toEqual(["succeeded", "cancelled", "cancelled"]);
    expect(await trainer.lease()).toBeUndefined();
    expect(await api.refusal("POST", `${path}/${made.id}/resume`, { key })).toMatchObject({ status: 409 });
  });
});

describe("the median rule", () => {
  it("stops a trial that is worse than most others at the same step", async () => {
    const axes = [{ path: "seed", values: [1, 2, 3, 4] }];
    const made = await create({ axes, parallel: 4, prune: { rule: "median", min_trials: 3, min_steps: 5 } });
    const leases = [await lease(), await lease(), await lease(), await lease()];
    for (const [index, taken] of leases.entries()) {
      await measure(taken, 2, index === 3 ? 9 : 5);
      await measure(taken, 6, index === 3 ? 8 : 4);
    }
    const job = await until(made.id, ({ trials }) => trials![3]!.status === "pruned");
    expect(job.trials![3]).toMatchObject({
      value: 8,
      reason: expect.stringContaining("the median of the other trials 4"),
    });
    expect(await trainer.heartbeat(leases[3]!)).toMatchObject({ cancel: true });
    for (const taken of leases.slice(0, 3)) await complete(taken, 3);
    expect(await ended(made.id)).toMatchObject({ status: "succeeded", best: { trial: 1 } });
  });
});

describe("successive halving", () => {
  it("holds trials at each rung, and takes the best further from where they are", async () => {
    const axes = [{ path: "seed", values: [1, 2, 3, 4] }];
    const halving = { min_steps: 2, max_steps: 8, eta: 2 };
    const made = await create({ axes, search: "halving", halving, parallel: 2 });
    const values: Record<number, number> = { 1: 5, 2: 3, 3: 4, 4: 6 };
    for (let count = 0; count < 4; count++) {
      const taken = await lease();
      expect(taken).toMatchObject({
        pause_at: 2,
        method: { supervised: { hyperparameters: { max_steps: 8 } } },
        checkpoint: null,
      });
      await measure(taken, 2, values[taken.seed]!);
      expect((await trainer.checkpoint(taken, 2, new Uint8Array([taken.seed]))).status).toBe(200);
      await release(taken, "rung");
    }
    const second: Lease[] = [await lease(), await lease()];
    expect(second.map(({ seed }) => seed).sort()).toEqual([2, 3]);
    expect((await get(made.id)).trials).toMatchObject([
      { status: "pruned", value: 5, rung: 1 },
      { status: "running", rung: 2 },
      { status: "running", rung: 2 },
      { status: "pruned", reason: "Its value after 2 steps is 6; the 2 that went on had 4 or better." },
    ]);
    for (const taken of second) {
      expect(taken).toMatchObject({ pause_at: 4, checkpoint: { step: 2 } });
      await measure(taken, 4, 7 - taken.seed);
      await trainer.checkpoint(taken, 4, new Uint8Array([taken.seed]));
      await release(taken, "rung");
    }
    const last = await lease();
    expect(last).toMatchObject({ seed: 3, checkpoint: { step: 4 } });
    expect(last.pause_at).toBeUndefined();
    await complete(last, 2);
    const job = await ended(made.id);
    expect(job).toMatchObject({ status: "succeeded", best: { trial: 3, value: 2 } });
    expect((await messages(made.id)).filter((message) => message.startsWith("Rung"))).toEqual([
      "Rung 1 of 3, 2 steps: 2 of 4 trials went on: 2, 3",
      "Rung 2 of 3, 4 steps: 1 of 2 trials went on: 3",
    ]);
  });

  it("can be paused and cancelled while trials wait at a rung", async () => {
    const axes = [{ path: "seed", values: [1, 2] }];
    const made = await create({ axes, search: "halving", halving: { min_steps: 2, max_steps: 4 } });
    const [first, second] = [await lease(), await lease()];
    await api.call("POST", `${path}/${made.id}/pause`, { key });
    await measure(first, 2, 1);
    await trainer.checkpoint(first, 2, new Uint8Array(1));
    await release(first, "rung");
    await release(second, "paused");
    await api.call("POST", `${path}/${made.id}/resume`, { key });
    const again = await lease();
    expect(again.job).toBe(second.job);
    await trainer.checkpoint(again, 2, new Uint8Array(1));
    // Nothing was measured: there is nothing to compare.
    await release(again, "rung");
    const job = await until(made.id, ({ trials }) => trials![1]!.reason !== null);
    expect(job.trials![1]!.status).toBe("failed");
    expect(job.trials![1]!.reason).toContain('did not report "valid_loss" until step 2');
    expect((await api.call<Job>("POST", `${path}/${made.id}/cancel`, { key })).trials).toMatchObject([
      { status: "cancelled" },
      { status: "failed" },
    ]);
    expect(await trainer.lease()).toBeUndefined();
  });
});

describe("what a sweep refuses, by field", () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    ["no axes", { axes: [] }, "method.sweep.axes", ""],
    [
      "an axis without values",
      { axes: [{ path: "peft.r", values: [] }] },
      "method.sweep.axes[0].values",
      "must have at least one value",
    ],
    [
      "neither values nor a range",
      { axes: [{ path: "peft.r" }] },
      "method.sweep.axes[0].values",
      "is required, or a range",
    ],
    ["half a range", { axes: [{ path: "peft.r", min: 1 }] }, "method.sweep.axes[0].max", "is required beside"],
    [
      "an empty range",
      { axes: [{ path: "peft.r", min: 2, max: 2, steps: 2 }] },
      "method.sweep.axes[0].max",
      "not above",
    ],
    [
      "a logarithm of 0",
      { axes: [{ path: "peft.r", min: 0, max: 2, scale: "log", steps: 2 }] },
      "method.sweep.axes[0].min",
      "above 0",
    ],
    [
      "values and a range",
      { axes: [{ path: "peft.r", values: [1], max: 2 }] },
      "method.sweep.axes[0].max",
      "send one of them",
    ],
    [
      "a value twice",
      { axes: [{ path: "peft.r", values: [1, 1] }] },
      "method.sweep.axes[0].values[1]",
      "a second time",
    ],
    [
      "a range in a grid",
      { axes: [{ path: "peft.r", min: 1, max: 2 }] },
      "method.sweep.axes[0].steps",
      "is required of a range",
    ],
    ["a path twice", { axes: [RATES, RATES] }, "method.sweep.axes[1].path", "as of an earlier axis"],
    ["a path of no object", { axes: [{ path: "__proto__.r", values: [1] }] }, "method.sweep.axes[0].path", ""],
    [
      "a whole path",
      { axes: [{ path: "method.supervised.peft.r", values: [1] }] },
      "method.sweep.axes[0].path",
      "must begin inside",
    ],
    [
      "a path through a number",
      { method: { type: "supervised", supervised: { peft: 3 } }, axes: [{ path: "peft.r", values: [1] }] },
      "method.sweep.axes[0].path",
      "leads through `peft`, where there is 3",
    ],
    [
      "an unknown setting",
      { axes: [{ path: "hyperparameters.rate", values: [1] }] },
      "method.sweep.axes[0].path",
      "Trial 1 (hyperparameters.rate 1): Unknown field",
    ],
    [
      "a bad value",
      { axes: [{ path: "peft.r", values: [4, 0] }] },
      "method.sweep.axes[0].values[1]",
      "Trial 2 (peft.r 0):",
    ],
    [
      "a value that cannot be served",
      { axes: [RATES, { path: "peft.r", values: [4, 100000] }] },
      "method.sweep.axes[1].values[1]",
      "Trial 2",
    ],
    [
      "a bad setting of all trials",
      { method: { type: "supervised", supervised: { hyperparameters: { n_epochs: 0 } } }, axes: [RATES] },
      "method.sweep.method.supervised.hyperparameters.n_epochs",
      "",
    ],
    ["an unknown type", { method: { type: "none" }, axes: [RATES] }, "method.sweep.method.type", ""],
    [
      "a type of no trial",
      { method: { type: "edit" }, axes: [{ path: "seed", values: [1] }] },
      "method.sweep.method.type",
      "A sweep has no trials of the type edit",
    ],
    [
      "a sweep of sweeps",
      {
        method: { type: "sweep", sweep: { method: supervised, axes: [RATES] } },
        axes: [{ path: "seed", values: [1] }],
      },
      "method.sweep.method.type",
      "no trials of the type sweep",
    ],
    [
      "too many trials",
      {
        axes: [
          { path: "seed", values: Array.from({ length: 33 }, (_, i) => i) },
          { path: "peft.r", values: [1, 2] },
        ],
      },
      "method.sweep.axes",
      "66 combinations (33 × 2)",
    ],
    [
      "an unknown model",
      { axes: [{ path: "model", values: [model, "nothing"] }] },
      "method.sweep.axes[0].values[1]",
      "nothing",
    ],
    [
      "an unknown file",
      { axes: [{ path: "training_file", values: ["file-none"] }] },
      "method.sweep.axes[0].values[0]",
      "file-none",
    ],
    ["trials of a grid", { axes: [RATES], trials: 2 }, "method.sweep.trials", ""],
    ["no trials of a random search", { axes: [RATES], search: "random" }, "method.sweep.trials", "is required"],
    [
      "more trials than there are",
      { axes: [RATES], search: "random", trials: 4 },
      "method.sweep.trials",
      "only 3 combinations",
    ],
    ["halving without rungs", { axes: [RATES], search: "halving" }, "method.sweep.halving", "is required"],
    [
      "rungs that do not rise",
      { axes: [RATES], search: "halving", halving: { min_steps: 4, max_steps: 4 } },
      "method.sweep.halving.max_steps",
      "",
    ],
    [
      "halving over its own steps",
      {
        axes: [{ path: "hyperparameters.max_steps", values: [4] }],
        search: "halving",
        halving: { min_steps: 2, max_steps: 4 },
      },
      "method.sweep.axes[0].path",
      "",
    ],
    [
      "halving with a length",
      {
        method: { type: "supervised", supervised: { hyperparameters: { n_epochs: 2 } } },
        axes: [RATES],
        search: "halving",
        halving: { min_steps: 2, max_steps: 4 },
      },
      "method.sweep.method.supervised.hyperparameters.n_epochs",
      "leave it out",
    ],
    [
      "halving and pruning",
      { axes: [RATES], search: "halving", halving: { min_steps: 2, max_steps: 4 }, prune: { rule: "median" } },
      "method.sweep.prune",
      "",
    ],
    [
      "both a method and an axis of methods",
      { axes: [{ path: "method", values: [supervised] }] },
      "method.sweep.axes[0].path",
      "send one of them",
    ],
  ])("%s", async (_, sweep, param, words) => {
    const refused = await refusal(sweep);
    expect({ param: refused.param, message: refused.message }).toEqual({
      param,
      message: expect.stringContaining(words),
    });
    expect(await trainer.lease()).toBeUndefined();
  });

  it("a sweep by validation loss without a validation file", async () => {
    expect(await refusal({ axes: [RATES] }, { validation_file: undefined })).toMatchObject({
      param: "validation_file",
    });
    expect(await refusal({ axes: [RATES] }, { hyperparameters: { n_epochs: 2 } })).toMatchObject({
      param: "hyperparameters.n_epochs",
      message: expect.stringContaining("a sweep has several"),
    });
  });
});

describe("trials of different kinds", () => {
  it("may be whole methods, and models, and have parts changed", async () => {
    const axes = [
      {
        path: "method",
        values: [{ type: "supervised" }, { type: "supervised", supervised: { peft: { type: "ia3" } } }],
      },
      { path: "hyperparameters.n_epochs", values: [2] },
    ];
    const made = await create({ method: undefined, axes, metric: "train_loss" }, { validation_file: undefined });
    const [first, second] = [await lease(), await lease()];
    expect(first.method).toMatchObject({ supervised: { peft: { type: "lora" }, hyperparameters: { n_epochs: 2 } } });
    expect(second.method).toMatchObject({ supervised: { peft: { type: "ia3" }, hyperparameters: { n_epochs: 2 } } });
    await api.call("POST", `${path}/${made.id}/cancel`, { key });
  });

  it("may be one task alone and several mixed", async () => {
    const other = await api.dataset(key, [{ prompt: "a", completion: " b" }]);
    const more = await api.dataset(key, [{ prompt: "c", completion: " d" }]);
    const mixed = [{ id: other }, { id: more, weight: 2 }];
    const axes = [{ path: "training_file", values: [other, mixed] }];
    const made = await create({ axes });
    expect(await get((await lease()).job)).toMatchObject({ training_file: other });
    expect(await get((await lease()).job)).toMatchObject({
      training_file: other,
      training_files: [{ id: other }, { id: more, weight: 2 }],
    });
    expect(await api.refusal("DELETE", `/v1/files/${more}`, { key })).toMatchObject({ status: 409 });
    await api.call("POST", `${path}/${made.id}/cancel`, { key });
    const twice = [{ path: "training_file", values: [other, [{ id: other }, { id: other }]] }];
    expect(await refusal({ axes: twice })).toMatchObject({ param: "method.sweep.axes[0].values[1]" });
  });

  it("are drawn by the seed", async () => {
    const axes = [{ path: "hyperparameters.learning_rate", min: 0.0001, max: 0.1, scale: "log" }, RATES_OF_DECAY];
    const draw = async (seed: number) => {
      const made = await create({ axes, search: "random", trials: 5 }, { seed });
      await api.call("POST", `${path}/${made.id}/cancel`, { key });
      return made.trials!.map(({ settings }) => settings);
    };
    const [first, again, other] = [await draw(1), await draw(1), await draw(2)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it("are tried out without being created", async () => {
    const before = await api.call<{ data: Job[] }>("GET", path, { key });
    const other = await api.dataset(key);
    const axes = [{ path: "training_file", values: [chats, other] }, RATES];
    const dry = await api.call<{ stages: { name: string }[] }>("POST", `${path}?validate=true`, {
      key,
      body: body({ axes }),
    });
    expect(dry).toMatchObject({ object: "fine_tuning.job.validation", valid: true });
    expect(dry.stages.map(({ name }) => name)).toEqual(["trial 1", "trial 4"]);
    expect((await api.call<{ data: Job[] }>("GET", path, { key })).data).toHaveLength(before.data.length);
  });
});

const RATES_OF_DECAY = { path: "hyperparameters.weight_decay", values: [0, 0.1] };
