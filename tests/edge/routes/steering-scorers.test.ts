import { beforeAll, expect, it } from "vitest";
import { Api } from "../support/api.ts";

const api = new Api();
const path = "/v1/steering/scorers";
const url = "https://scores.trimtab.dev/v1";
let key: string;

beforeAll(async () => {
  key = await api.tenant("scored");
});

const call = (method: string, suffix: string, body?: unknown) =>
  api.call(method, path + suffix, { key, ...(body === undefined ? {} : { body }) });
const refusal = (method: string, suffix: string, body?: unknown, over = api) =>
  over.refusal(method, path + suffix, { key, ...(body === undefined ? {} : { body }) });

it("are registered, shown without their secret, changed and deleted", async () => {
  const secret = "0123456789abcdef";
  const judge = {
    id: "judge",
    object: "steering.scorer",
    name: "judge",
    url,
    description: "strict",
    has_secret: true,
    created_at: expect.any(Number),
    updated_at: expect.any(Number),
  };
  const body = { name: "judge", url, secret, description: "strict" };
  expect(await call("POST", "", body)).toEqual(judge);
  expect(await call("GET", "/judge")).toEqual(judge);
  await call("POST", "", { name: "other", url });
  expect(await call("GET", "?limit=1")).toMatchObject({ data: [{ id: "other" }], has_more: true });
  expect(await call("GET", "?after=other")).toMatchObject({ data: [{ id: "judge" }], has_more: false });
  expect(await call("PATCH", "/judge", { url: `${url}/b` })).toMatchObject({ url: `${url}/b`, has_secret: true });
  expect(await call("PATCH", "/judge", { secret: null })).toMatchObject({ has_secret: false, description: "strict" });
  expect(await call("PATCH", "/judge", { description: null, url: null })).toMatchObject({
    description: null,
    url: `${url}/b`,
  });
  expect(await call("DELETE", "/judge")).toEqual({ id: "judge", object: "steering.scorer", deleted: true });
  expect(await refusal("GET", "/judge")).toMatchObject({ status: 404, param: "scorer" });
});

it("are refused what is no address, no secret and no change, by name", async () => {
  await call("POST", "", { name: "kept", url });
  const bad: [string, unknown, Record<string, unknown>][] = [
    ["", { name: "x" }, { status: 400, param: "url" }],
    ["", { name: "x", url: "http://scores.trimtab.dev/" }, { status: 403, param: "url" }],
    ["", { name: "x", url: "https://0x7f.1/" }, { status: 403, param: "url" }],
    ["", { name: "x", url: "https://2130706433/" }, { status: 403, param: "url" }],
    ["", { name: "x", url: "https://[::ffff:169.254.169.254]/" }, { status: 403, param: "url" }],
    ["", { name: "x", url: "https://metadata.google.internal/" }, { status: 403, param: "url" }],
    ["", { name: "x", url: "https://a:b@scores.trimtab.dev/" }, { status: 400, param: "url" }],
    ["", { name: "x", url: `https://scores.trimtab.dev/${"a".repeat(2048)}` }, { status: 400, param: "url" }],
    ["", { name: "a b", url }, { status: 400, param: "name" }],
    ["", { name: "x", url, secret: "short" }, { status: 400, param: "secret" }],
    ["", { name: "x", url, secret: "with\nnew lines and more" }, { status: 400, param: "secret" }],
    ["", { name: "x", url, header: "x" }, { status: 400, param: "header" }],
    ["", { name: "kept", url }, { status: 409, param: "name" }],
  ];
  for (const [suffix, body, expected] of bad) {
    expect(await refusal("POST", suffix, body), JSON.stringify(body)).toMatchObject(expected);
  }
  expect(await refusal("PATCH", "/kept", {})).toMatchObject({ status: 400 });
  expect(await refusal("PATCH", "/kept", { url: "https://10.0.0.1/" })).toMatchObject({ status: 403, param: "url" });
  expect(await refusal("PATCH", "/none", { description: "x" })).toMatchObject({ status: 404, param: "scorer" });
  expect(await call("GET", "/kept")).toMatchObject({ url });
});

it("are created once for each Idempotency-Key", async () => {
  const headers = { "idempotency-key": "scorer" };
  const body = { name: "again", url };
  const first = await (await api.send("POST", path, { key, body, headers })).json();
  expect(await (await api.send("POST", path, { key, body, headers })).json()).toEqual(first);
});
