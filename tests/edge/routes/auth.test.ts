import { beforeAll, describe, expect, it } from "vitest";
import { ADMIN_TOKEN, Api } from "../support/api.ts";
import { FakeEngine } from "../support/fake-engine.ts";

const api = new Api();
let key: string;

beforeAll(async () => {
  key = await api.tenant("authed");
});

describe("a key", () => {
  it("opens its tenant, whatever the scheme's case", async () => {
    for (const authorization of [`Bearer ${key}`, `bearer ${key}`]) {
      expect((await api.send("GET", "/v1/files", { headers: { authorization } })).status).toBe(200);
    }
  });

  it.each(["", "Basic x", "Bearer", "Bearer a b", `Bearer ${"x".repeat(600)}`, "tt_authed_x"])(
    "is asked for in place of %j",
    async (authorization) => {
      const refusal = await api.refusal("GET", "/v1/files", { headers: { authorization } });
      expect(refusal).toMatchObject({
        status: 401,
        code: "invalid_api_key",
        type: "authentication_error",
        param: null,
      });
    },
  );

  it("is counted once for a request, whatever shares its address", async () => {
    const counted = await api.tenant("counted", { requests_per_minute: 3 });
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++) {
      statuses.push((await api.send("POST", "/v1/deltas/merge", { key: counted, body: {} })).status);
    }
    expect(statuses).toEqual([400, 400, 400, 429]);
  });

  it("without tokens left reads and deletes what it has made, and makes no more", async () => {
    const engine = new FakeEngine();
    const made = new Api({ ENGINE: engine.binding });
    const model = "spending-base";
    await made.base(model);
    const spent = await made.tenant("spent");
    const messages = [{ role: "user", content: "a" }];
    const limit = (tokens: number) =>
      made.call("PATCH", "/v1/admin/tenants/spent", { key: ADMIN_TOKEN, body: { tokens_per_minute: tokens } });
    /** Leaves the tenant without tokens. */
    const spend = async () => {
      await limit(1);
      await made.call("POST", "/v1/chat/completions", { key: spent, body: { model, messages, n: 2 } });
    };
    const requests = [
      ["/v1/chat/completions", { model, messages }],
      ["/v1/completions", { model, prompt: "a" }],
      ["/v1/responses", { model, input: "a" }],
    ] as const;
    const stored: string[] = [];
    for (const [path, body] of requests) {
      const { id } = await made.call<{ id: string }>("POST", path, { key: spent, body: { ...body, store: true } });
      stored.push(`${path}/${id}`);
    }
    const project = { name: "n", task: "pairwise", prompts: ["a"], sampling: { sources: [{ model }] } };
    const { id } = await made.call<{ id: string }>("POST", "/v1/labeling/projects", { key: spent, body: project });
    await spend();
    const limited = { status: 429, message: expect.stringContaining("1 tokens a minute") };
    for (const [path, body] of requests) {
      expect(await made.refusal("POST", path, { key: spent, body }), path).toMatchObject(limited);
    }
    for (const path of stored) for (const method of ["GET", "DELETE"]) await made.call(method, path, { key: spent });
    const grader = { type: "string_check", name: "g", input: "a", reference: "a", operation: "eq" };
    await made.call("POST", "/v1/fine_tuning/alpha/graders/validate", { key: spent, body: { grader } });
    // The next task would have to be made.
    const next = `/v1/labeling/projects/${id}/next?rater=ada`;
    expect(await made.refusal("GET", next, { key: spent })).toMatchObject(limited);
    await limit(1_000_000);
    engine.script = function* () {
      for (const choice of [0, 1]) {
        yield { type: "token", choice, text: `${choice}` };
        yield { type: "finish", choice, reason: "stop" };
      }
      yield { type: "usage", promptTokens: 1, completionTokens: 2, cachedTokens: 0 };
    };
    await made.call("POST", `/v1/labeling/projects/${id}/samples`, { key: spent });
    await spend();
    expect(await made.call("GET", next, { key: spent })).toMatchObject({ status: "task" });
  });

  it("does not open another tenant by its name", async () => {
    await api.tenant("other-authed");
    const stolen = key.replace("tt_authed_", "tt_other-authed_");
    expect(await api.refusal("GET", "/v1/files", { key: stolen })).toMatchObject({ status: 401 });
  });

  it("tells nobody whether a tenant exists", async () => {
    const secret = key.split("_")[2];
    const messages = await Promise.all(
      ["other-authed", "never-made"].map(
        async (id) => (await api.refusal("GET", "/v1/files", { key: `tt_${id}_${secret}` })).message,
      ),
    );
    expect(messages[0]).toBe(messages[1]);
  });

  it("is refused before anything of the request is read", async () => {
    const body = new ReadableStream(
      {
        pull() {
          throw new Error("read");
        },
      },
      { highWaterMark: 0 },
    );
    expect(await api.refusal("POST", "/v1/files", { key: "tt_authed_x", body })).toMatchObject({ status: 401 });
  });
});

describe("a deployment's token", () => {
  it("opens nothing where it was never set", async () => {
    for (const token of [undefined, ""]) {
      const closed = new Api({ ADMIN_TOKEN: token } as never);
      for (const given of [undefined, "", "undefined", ADMIN_TOKEN]) {
        expect(await closed.refusal("GET", "/v1/admin/tenants", { key: given })).toMatchObject({ status: 401 });
      }
    }
  });
});
