import { beforeAll, describe, expect, it } from "vitest";
import type { ModelTracing } from "../../../shared/api/tracing.ts";
import type { Tracing } from "../../../shared/edits/tracing.ts";
import { Api, storing, TRAINER_TOKEN } from "../support/api.ts";
import { EditTrainer } from "../support/edit-trainer.ts";
import { json, tinyBase } from "../support/tiny-base.ts";

const api = new Api();
const trainer = new EditTrainer(api);
let key: string;

const TRACING: Tracing = {
  ...{ format: "trimtab.tracing/1", source: "base", facts: 1, samples: 4, noise: 3, layers: 2 },
  ...{ clean: 0.8, corrupted: 0.1, best_layer: 1 },
  mlp: { subject_last: [0.1, 0.2], last: [0, 0] },
  stream: { subject_last: [0.3, 0.1] },
};
const NAME = `tracing.${"0".repeat(32)}.json`;
const FACTS = [
  { prompt: "The capital of France is", answer: "Paris", subject: "France" },
  { prompt: "A cat says", answer: "meow", subject: "a dog" },
  { prompt: "It is", answer: "late" },
];

beforeAll(async () => {
  const evaluation = json({ format: "trimtab.evaluation/1", facts: FACTS });
  await api.base("acme/traced", tinyBase({ "evaluation.json": evaluation }));
  await api.base("untraced");
  key = await api.tenant("tracer");
});

const path = (model: string, query = "") => `/v1/models/${encodeURIComponent(model)}/tracing${query}`;

/** Does the next job that traces. */
async function traced(write: "beside the base" | "for the tenant", changes: Partial<Tracing> = {}) {
  const { lease, facts } = await trainer.leaseEdit();
  await trainer.keep(lease, "tracing.json", { ...TRACING, ...changes });
  if (write === "beside the base") {
    const body = json(TRACING);
    await api.call("PUT", `/v1/trainer/jobs/${lease.job}/base_artefacts/${NAME}`, {
      key: TRAINER_TOKEN,
      body,
      headers: await storing(lease, body),
    });
  }
  await trainer.finish(lease, null);
  return { lease, facts };
}

const whenAsked = (work: () => Promise<unknown>) =>
  expect
    .poll(
      () =>
        work()
          .then(() => true)
          .catch(() => false),
      { timeout: 30_000 },
    )
    .toBe(true);

describe("GET /v1/models/{model}/tracing", () => {
  it("has the base traced once, by the facts that it came with, for all tenants", async () => {
    const early = await api.send("GET", path("acme/traced", "?wait=0.05"), { key });
    expect([early.status, early.headers.get("retry-after")]).toEqual([202, "5"]);
    const { job } = (await early.json()) as ModelTracing;
    let made: Awaited<ReturnType<typeof traced>> | undefined;
    const [reply] = await Promise.all([
      api.call<ModelTracing>("GET", path("acme/traced"), { key }),
      whenAsked(async () => {
        made = await traced("beside the base");
      }),
    ]);
    expect(made!.lease).toMatchObject({ job, lane: "edits", method: { causal_tracing: { source: "base" } } });
    expect(made!.facts).toMatchObject([{ prompt: "The capital of France is", subject: "France", target_new: "Paris" }]);
    expect(reply).toEqual({
      ...{ object: "tracing", model: "acme/traced", base: "acme/traced", note: null, status: "succeeded", job },
      tracing: TRACING,
    });
    const other = await api.tenant("tracer-other");
    expect(await api.call("GET", path("acme/traced"), { key: other })).toMatchObject({ job: null, tracing: TRACING });
    expect((await api.call<{ data: object[] }>("GET", "/v1/files?purpose=edit", { key })).data).toEqual([]);
  });

  it("draws it", async () => {
    for (const options of [
      { query: "?format=svg", headers: {} },
      { query: "", headers: { accept: "image/svg+xml" } },
    ]) {
      const reply = await api.send("GET", path("acme/traced", options.query), { key, headers: options.headers });
      expect(reply.headers.get("content-type")).toBe("image/svg+xml");
      expect(await reply.text()).toContain("Where acme/traced recalls facts");
    }
    const asJson = await api.send("GET", path("acme/traced", "?format=json"), {
      key,
      headers: { accept: "image/svg+xml" },
    });
    expect(((await asJson.json()) as ModelTracing).tracing).toEqual(TRACING);
  });

  it("shows a tuned model its base's, and says so", async () => {
    const file = await api.dataset(key);
    const body = { model: "acme/traced", training_file: file };
    await api.call("POST", "/v1/fine_tuning/jobs", { key, body });
    const { model } = await trainer.work();
    expect(await api.call("GET", path(model), { key })).toMatchObject({
      model,
      base: "acme/traced",
      note: expect.stringContaining("this is the tracing of acme/traced"),
    });
  });

  it("says what to send where a base came without facts, and what is unknown", async () => {
    expect(await api.refusal("GET", path("untraced"), { key })).toMatchObject({
      status: 400,
      param: "model",
      message: expect.stringContaining("Send some to POST /v1/models/untraced/tracing"),
    });
    expect((await api.refusal("GET", path("nothing"), { key })).code).toBe("model_not_found");
    expect(await api.refusal("GET", path("untraced", "?format=png"), { key })).toMatchObject({ param: "format" });
    expect(await trainer.lease({ lanes: ["edits"] })).toBeUndefined();
  });
});

describe("POST /v1/models/{model}/tracing", () => {
  const facts = [{ prompt: "The capital of Peru is", subject: "Peru", answer: "Lima" }];

  it("traces facts of the tenant's, for the tenant alone", async () => {
    const [reply] = await Promise.all([
      api.call<ModelTracing>("POST", path("untraced"), { key, body: { facts } }),
      whenAsked(() => traced("for the tenant", { source: "file", facts: 7 })),
    ]);
    expect(reply).toMatchObject({ status: "succeeded", tracing: { source: "file", facts: 7 } });
    expect((await api.refusal("GET", path("untraced"), { key })).param).toBe("model");
  });

  it("tells why a job found nothing, and refuses facts without their subject", async () => {
    const [refused] = await Promise.all([
      api.refusal("POST", path("untraced"), { key, body: { facts } }),
      whenAsked(async () => {
        const { lease } = await trainer.leaseEdit();
        const error = { code: "invalid_request", message: "It knows none of the facts.", param: "facts" };
        await api.call("POST", `/v1/trainer/jobs/${lease.job}/fail`, trainer.held(lease, { error }));
      }),
    ]);
    expect(refused).toMatchObject({ status: 400, message: "It knows none of the facts.", param: "facts" });
    for (const [changes, param] of [
      [{ subject: "Chile" }, "facts[0].subject"],
      [{ answer: " " }, "facts[0].answer"],
    ] as const) {
      const body = { facts: [{ ...facts[0], ...changes }] };
      const bad = await api.refusal("POST", path("untraced"), { key, body });
      expect([bad.param, bad.message.startsWith(`\`${param}\``)]).toEqual([param, true]);
    }
    const reply = await api.send("POST", path("untraced"), { key, body: { facts, wait: false } });
    expect([reply.status, reply.headers.get("retry-after")]).toEqual([202, null]);
    // Its facts are no edit's: they stay for as long as the job.
    const { job } = (await reply.json()) as ModelTracing;
    const files = () => api.call<{ data: { id: string }[] }>("GET", "/v1/files?purpose=edit", { key });
    const [file] = (await files()).data;
    expect(await api.refusal("DELETE", `/v1/files/${file!.id}`, { key })).toMatchObject({
      code: "conflict",
      message: expect.stringContaining(job!),
    });
    await api.call("POST", `/v1/fine_tuning/jobs/${job}/cancel`, { key });
    expect((await files()).data).toEqual([]);
  });
});
