import { beforeAll, describe, expect, it } from "vitest";
import { ADMIN_TOKEN, Api } from "../support/api.ts";

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
