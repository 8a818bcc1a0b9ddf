import { beforeAll, describe, expect, it } from "vitest";
import { ADMIN_TOKEN, Api, holding, TRAINER_TOKEN } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();

interface Operation {
  readonly security?: readonly Record<string, unknown>[];
  readonly parameters?: readonly unknown[];
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

async function document(): Promise<Document> {
  return api.call<Document>("GET", "/openapi.json");
}

/** Every operation of the document, with its path's parameters filled in. */
async function operations(values: Record<string, string>) {
  const { paths } = await document();
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security = [] }]) => ({
      method: method.toUpperCase(),
      template: path,
      path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? "missing")),
      scheme: Object.keys(security[0] ?? {})[0] ?? "nobody",
    })),
  );
}

describe("the OpenAPI document", () => {
  it("describes every route and the errors", async () => {
    const { openapi, paths, components } = await document();
    expect(openapi).toBe("3.1.0");
    expect(Object.keys(paths).sort()).toMatchInlineSnapshot(`
      [
        "/detokenize",
        "/healthz",
        "/metrics",
        "/tokenize",
        "/tokenizer_info",
        "/v1/admin/models",
        "/v1/admin/models/{id}",
        "/v1/admin/models/{id}/check",
        "/v1/admin/models/{id}/files/{name}",
        "/v1/admin/models/{id}/publish",
        "/v1/admin/tenants",
        "/v1/admin/tenants/{tenant}",
        "/v1/admin/tenants/{tenant}/keys",
        "/v1/admin/tenants/{tenant}/keys/{key}",
        "/v1/admin/tenants/{tenant}/usage",
        "/v1/aliases",
        "/v1/aliases/{alias}",
        "/v1/aliases/{alias}/history",
        "/v1/aliases/{alias}/rollback",
        "/v1/chat/completions",
        "/v1/chat/completions/{completion_id}",
        "/v1/chat/completions/{completion_id}/messages",
        "/v1/completions",
        "/v1/completions/{completion_id}",
        "/v1/constitutions",
        "/v1/constitutions/{constitution}",
        "/v1/constitutions/{constitution}/versions",
        "/v1/datasets/fix",
        "/v1/datasets/inspect",
        "/v1/datasets/preview",
        "/v1/deltas",
        "/v1/deltas/merge",
        "/v1/deltas/{delta_id}",
        "/v1/deltas/{delta_id}/content",
        "/v1/detokenize",
        "/v1/edits",
        "/v1/edits/check",
        "/v1/edits/merge",
        "/v1/edits/{edit_id}",
        "/v1/edits/{edit_id}/cancel",
        "/v1/edits/{edit_id}/facts/{fact}",
        "/v1/evals",
        "/v1/evals/suites",
        "/v1/evals/{eval_id}",
        "/v1/evals/{eval_id}/runs",
        "/v1/evals/{eval_id}/runs/{run_id}",
        "/v1/evals/{eval_id}/runs/{run_id}/cancel",
        "/v1/evals/{eval_id}/runs/{run_id}/output_items",
        "/v1/evals/{eval_id}/runs/{run_id}/output_items/{output_item_id}",
        "/v1/feedback",
        "/v1/feedback/export",
        "/v1/feedback/{feedback_id}",
        "/v1/files",
        "/v1/files/{file_id}",
        "/v1/files/{file_id}/content",
        "/v1/fine_tuning/alpha/graders/run",
        "/v1/fine_tuning/alpha/graders/validate",
        "/v1/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions",
        "/v1/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions/{permission_id}",
        "/v1/fine_tuning/jobs",
        "/v1/fine_tuning/jobs/{fine_tuning_job_id}",
        "/v1/fine_tuning/jobs/{fine_tuning_job_id}/cancel",
        "/v1/fine_tuning/jobs/{fine_tuning_job_id}/checkpoints",
        "/v1/fine_tuning/jobs/{fine_tuning_job_id}/events",
        "/v1/fine_tuning/jobs/{fine_tuning_job_id}/pause",
        "/v1/fine_tuning/jobs/{fine_tuning_job_id}/report",
        "/v1/fine_tuning/jobs/{fine_tuning_job_id}/resume",
        "/v1/labeling/projects",
        "/v1/labeling/projects/{project_id}",
        "/v1/labeling/projects/{project_id}/agreement",
        "/v1/labeling/projects/{project_id}/export",
        "/v1/labeling/projects/{project_id}/judge",
        "/v1/labeling/projects/{project_id}/labels",
        "/v1/labeling/projects/{project_id}/next",
        "/v1/labeling/projects/{project_id}/samples",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/models/{model}/tracing",
        "/v1/peft/compare",
        "/v1/preferences/inspect",
        "/v1/responses",
        "/v1/responses/{response_id}",
        "/v1/rewards",
        "/v1/steering/presets",
        "/v1/steering/presets/{preset}",
        "/v1/steering/presets/{preset}/history",
        "/v1/steering/presets/{preset}/rollback",
        "/v1/steering/scorers",
        "/v1/steering/scorers/{scorer}",
        "/v1/steering/sweep",
        "/v1/tokenize",
        "/v1/tokenizer_info",
        "/v1/trainer/jobs/{job}/artefacts/{kind}/{digest}/{name}",
        "/v1/trainer/jobs/{job}/ask",
        "/v1/trainer/jobs/{job}/base/{name}",
        "/v1/trainer/jobs/{job}/base_artefacts/{name}",
        "/v1/trainer/jobs/{job}/checkpoints/{step}",
        "/v1/trainer/jobs/{job}/checkpoints/{step}/publish",
        "/v1/trainer/jobs/{job}/complete",
        "/v1/trainer/jobs/{job}/events",
        "/v1/trainer/jobs/{job}/fail",
        "/v1/trainer/jobs/{job}/files/{file_id}",
        "/v1/trainer/jobs/{job}/heartbeat",
        "/v1/trainer/jobs/{job}/kept/{name}",
        "/v1/trainer/jobs/{job}/models/{index}/{name}",
        "/v1/trainer/jobs/{job}/parent/{name}",
        "/v1/trainer/jobs/{job}/release",
        "/v1/trainer/leases",
        "/v1/usage",
      ]
    `);
    expect(components.securitySchemes).toMatchObject({ tenantKey: { scheme: "bearer" } });
    expect(Object.keys(components.schemas)).toEqual(
      expect.arrayContaining(["Error", "FineTuningJob", "CreateChatCompletion", "Lease"]),
    );
  });

  it("describes the metadata filter of the list of jobs as pairs", async () => {
    const { paths } = await document();
    expect(paths["/v1/fine_tuning/jobs"]?.get?.parameters).toContainEqual({
      name: "metadata",
      in: "query",
      required: false,
      style: "deepObject",
      explode: true,
      description: expect.stringContaining("`metadata[key]=value`"),
      schema: expect.objectContaining({
        type: "object",
        additionalProperties: { type: "string", maxLength: 512 },
      }),
    });
  });

  it("names and describes every operation, each by a name of its own", async () => {
    const { paths } = await document();
    const operations = Object.values(paths).flatMap((item) => Object.values(item as Record<string, unknown>)) as {
      operationId?: string;
      description?: string;
    }[];
    const names = operations.map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const { operationId, description } of operations) {
      expect(operationId).toMatch(/^[a-z][A-Za-z0-9]+$/);
      expect(description).toMatch(/Needs (no key|a tenant's API key|the deployment's \w+_TOKEN)\.$/);
    }
  });

  it("is shown by a page", async () => {
    const page = await api.send("GET", "/docs");
    expect([page.status, page.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/html")]);
    expect(await page.text()).toContain("/openapi.json");
  });

  it("is the same when it is asked for twice", async () => {
    expect(await document()).toEqual(await document());
  });
});

/** Of the routes that need one. */
const QUERIES: Readonly<Record<string, string>> = {
  "/v1/labeling/projects/{project_id}/next": "?rater=r",
  "/v1/labeling/projects/{project_id}/export": "?format=pairs",
};

/** Grades an item that brings all that is needed. */
const EVAL_RUN = { data_source: { type: "jsonl", source: { type: "file_content", content: [{ item: { a: "a" } }] } } };

describe("every route of the document", () => {
  const own: Record<string, string> = {};
  let stranger: string;

  beforeAll(async () => {
    await api.base("walked");
    const key = await api.tenant("owner");
    stranger = await api.tenant("stranger");
    const file = await api.dataset(key);
    const body = { model: "walked", training_file: file };
    const job = await api.call<{ id: string }>("POST", "/v1/fine_tuning/jobs", { key, body });
    const { model } = await new FakeTrainer(api).work();
    const { data } = await api.call<{ data: { id: string }[] }>("GET", "/v1/deltas", { key });
    await api.call("POST", "/v1/aliases", { key, body: { id: "walker", model: "walked" } });
    await api.call("POST", "/v1/steering/presets", { key, body: { name: "stride", steering: {} } });
    const principles = [{ principle: "Keep going." }];
    await api.call("POST", "/v1/constitutions", { key, body: { name: "march", principles } });
    const scorer = { name: "judge", url: "https://scores.trimtab.dev/" };
    await api.call("POST", "/v1/steering/scorers", { key, body: scorer });
    const permitted = `/v1/fine_tuning/checkpoints/${encodeURIComponent(model)}/permissions`;
    const made = { key, body: { project_ids: ["owner"] } };
    const permission = await api.call<{ first_id: string }>("POST", permitted, made);
    Object.assign(own, { fine_tuned_model_checkpoint: model, permission_id: permission.first_id });
    Object.assign(own, { preset: "stride", scorer: "judge", constitution: "march" });
    const labelling = { name: "gait", task: "pairwise", prompts: ["a"], sampling: { sources: [{ model: "walked" }] } };
    const project = await api.call<{ id: string }>("POST", "/v1/labeling/projects", { key, body: labelling });
    Object.assign(own, { project_id: project.id });
    Object.assign(own, { fact: "0" });
    const config = { type: "custom", item_schema: {} };
    const check = { type: "string_check", name: "same", operation: "eq", input: "{{item.a}}", reference: "a" };
    const asked = { data_source_config: config, testing_criteria: [check] };
    const { id: evalId } = await api.call<{ id: string }>("POST", "/v1/evals", { key, body: asked });
    const run = await api.call<{ id: string }>("POST", `/v1/evals/${evalId}/runs`, { key, body: EVAL_RUN });
    Object.assign(own, { eval_id: evalId, run_id: run.id });
    Object.assign(own, { alias: "walker", file_id: file, fine_tuning_job_id: job.id, model, delta_id: data[0]?.id });
  });

  it("refuses nobody's requests and wrong keys, whatever they send", async () => {
    const wrong = [
      undefined,
      "tt_owner_x",
      `tt_owner_${"0".repeat(43)}`,
      `tt_nobody_${"0".repeat(43)}`,
      ADMIN_TOKEN.slice(1),
    ];
    for (const { method, path, scheme } of await operations({
      ...own,
      job: "j",
      step: "1",
      kind: "delta",
      tenant: "owner",
    })) {
      if (scheme === "nobody") continue;
      for (const key of wrong) {
        const refusal = await api.refusal(method, path, { key, ...(method === "GET" ? {} : { body: "{" }) });
        expect(refusal, `${method} ${path}`).toMatchObject({ status: 401, code: "invalid_api_key", param: null });
      }
    }
  });

  it("names a query field that it does not know, if it reads", async () => {
    const keys: Record<string, string> = { tenantKey: stranger, adminToken: ADMIN_TOKEN, trainerToken: TRAINER_TOKEN };
    const values = { ...own, job: "j", step: "1", kind: "delta", tenant: "owner", id: "walked" };
    const reading = (await operations(values)).filter(({ method }) => method === "GET");
    for (const { path, scheme, template } of reading) {
      const key = keys[scheme];
      const options = key === undefined ? {} : { key };
      // Probes and scrapers add what they like.
      if (path === "/healthz" || path === "/metrics") {
        expect((await api.send("GET", `${path}?nope=1`, options)).status).toBe(200);
        continue;
      }
      const headers = holding({ tenant: "owner", fence: 1 });
      const query = template in QUERIES ? `${QUERIES[template]}&nope=1` : "?nope=1";
      expect(await api.refusal("GET", path + query, { ...options, headers }), path).toMatchObject({
        status: 400,
        param: "nope",
      });
    }
  });

  it("opens to its own kind of key only", async () => {
    const keys = { tenantKey: stranger, adminToken: ADMIN_TOKEN, trainerToken: TRAINER_TOKEN };
    for (const { method, path, scheme } of await operations(own)) {
      for (const [kind, key] of Object.entries(keys)) {
        if (kind === scheme || scheme === "nobody") continue;
        expect(await api.refusal(method, path, { key }), `${method} ${path} as ${kind}`).toMatchObject({ status: 401 });
      }
    }
  });

  it("does not know another tenant's things", async () => {
    const walked = (await operations(own)).filter(
      ({ scheme, template }) => scheme === "tenantKey" && template.includes("{"),
    );
    expect(walked.length).toBeGreaterThan(10);
    /** Of the routes that read a body before they look for anything. */
    const bodies: Record<string, unknown> = {
      "POST /v1/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions": { project_ids: ["stranger"] },
      "POST /v1/aliases/{alias}": { model: "walked" },
      "POST /v1/constitutions/{constitution}": { principles: [{ principle: "Halt." }] },
      "POST /v1/steering/presets/{preset}": { steering: {} },
      "POST /v1/models/{model}/tracing": { facts: [{ prompt: "It is", subject: "It", answer: "late" }] },
      "PATCH /v1/steering/scorers/{scorer}": { description: "mine" },
      "POST /v1/chat/completions/{completion_id}": { metadata: {} },
      "POST /v1/labeling/projects/{project_id}/labels": { task_id: "t", rater: "r", answer: { type: "tie" } },
      "POST /v1/evals/{eval_id}": { name: "mine" },
      "POST /v1/evals/{eval_id}/runs": EVAL_RUN,
      "POST /v1/labeling/projects/{project_id}/judge": { model: "walked" },
      "POST /v1/labeling/projects/{project_id}/export": { format: "pairs" },
    };
    for (const { method, path, template } of walked) {
      const body = bodies[`${method} ${template}`];
      const options = body === undefined ? { key: stranger } : { key: stranger, body };
      const query = method === "GET" ? (QUERIES[template] ?? "") : "";
      expect(await api.refusal(method, path + query, options), `${method} ${path}`).toMatchObject({ status: 404 });
    }
    for (const path of [
      "/v1/files",
      "/v1/fine_tuning/jobs",
      "/v1/deltas",
      "/v1/edits",
      "/v1/evals",
      "/v1/constitutions",
      "/v1/steering/presets",
      "/v1/steering/scorers",
      "/v1/chat/completions",
      "/v1/feedback",
      "/v1/labeling/projects",
    ]) {
      expect(await api.call("GET", path, { key: stranger })).toMatchObject({ data: [] });
    }
    const { data } = await api.call<{ data: { id: string }[] }>("GET", "/v1/models", { key: stranger });
    expect(data.map(({ id }) => id)).not.toContain(own.model);
  });

  it("does not use another tenant's things", async () => {
    const body = { model: "walked", training_file: own.file_id };
    expect(await api.refusal("POST", "/v1/fine_tuning/jobs", { key: stranger, body })).toMatchObject({
      status: 404,
      param: "training_file",
    });
    const messages = [{ role: "user", content: "hi" }];
    const chat = (fields: Record<string, unknown>) =>
      api.refusal("POST", "/v1/chat/completions", { key: stranger, body: { messages, ...fields } });
    expect(await chat({ model: own.model })).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
    expect(await chat({ model: "walked", deltas: [{ id: own.delta_id }] })).toMatchObject({
      status: 404,
      param: "deltas[0].id",
    });
    expect(await chat({ model: "walked", deltas: [{ id: own.model }] })).toMatchObject({ status: 404 });
  });
});

describe("every reply", () => {
  it("has a request id, errors and unknown addresses included", async () => {
    for (const path of ["/healthz", "/v1/files", "/nowhere"]) {
      expect((await api.send("GET", path)).headers.get("x-request-id")).toMatch(/^req_\w{24}$/);
    }
  });

  it("says where there is nothing", async () => {
    expect(await api.refusal("GET", "/v1/nowhere")).toMatchObject({
      status: 404,
      code: "not_found",
      type: "invalid_request_error",
      param: null,
      message: expect.stringContaining("GET /v1/nowhere"),
    });
  });

  it.each(["/nowhere", "/healthz", "/v1/files", "/v1/admin/models"])(
    "comes to strangers who never stop sending to %s",
    async (path) => {
      let sent = 0;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          sent += 1 << 20;
          if (sent > 64 << 20) controller.close();
          else controller.enqueue(new Uint8Array(1 << 20));
        },
      });
      const { status } = await api.send("POST", path, { body });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(sent).toBeLessThan(16 << 20);
    },
  );
});
