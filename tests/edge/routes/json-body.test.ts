import { beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/limits.ts";
import { ADMIN_TOKEN, Api } from "../support/api.ts";

const api = new Api();
const path = "/v1/fine_tuning/jobs";
const json = { "content-type": "application/json" };
let key: string;

beforeAll(async () => {
  key = await api.tenant("json");
});

const refused = (body: unknown, headers: Record<string, string> = json) =>
  api.refusal("POST", path, { key, body, headers });

describe("a JSON body", () => {
  it.each([
    ["{", "invalid_json"],
    ["", "invalid_json"],
    ["nonsense", "invalid_json"],
    ['{"model":"a","model":"b"}', "invalid_json"],
    ["[]", "invalid_request"],
    ["null", "invalid_request"],
    ["{}", "invalid_request"],
  ])("may not be %j", async (text, code) => {
    expect(await refused(text)).toMatchObject({ status: 400, code });
  });

  it("has to be UTF-8", async () => {
    expect(await refused(new Uint8Array([123, 255, 125]))).toMatchObject({ status: 400, code: "invalid_json" });
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "application/jsonp"])(
    "is not %s",
    async (type) => {
      expect(await refused("{}", { "content-type": type })).toMatchObject({
        status: 400,
        code: "invalid_request",
        message: expect.stringContaining("application/json"),
      });
    },
  );

  it("may say its charset, or be a kind of JSON", async () => {
    for (const type of ["application/json; charset=utf-8", "application/vnd.api+json"]) {
      expect(await refused("{}", { "content-type": type })).toMatchObject({ param: "model" });
    }
  });

  it("that breaks off is the client's to send again", async () => {
    const broken = new ReadableStream({
      pull: (controller) => controller.error(new Error("Network connection lost.")),
    });
    expect(await refused(broken)).toMatchObject({ status: 400, message: expect.stringContaining("broke off") });
  });

  it("is read up to its limit, whatever it says of its length", async () => {
    const large = JSON.stringify({ model: "x".repeat(LIMITS.jsonBody) });
    const tooLarge = { status: 413, code: "payload_too_large" };
    expect(await refused("{}", { ...json, "content-length": String(LIMITS.jsonBody + 1) })).toMatchObject(tooLarge);
    expect(await refused(large)).toMatchObject(tooLarge);
    const stream = new Blob([large]).stream();
    expect(await refused(stream)).toMatchObject(tooLarge);
  });

  it("may be deep without harm", async () => {
    expect(await refused(`{"model":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)).toMatchObject({ status: 400 });
  });

  it("may not nest deeper than what reads it can go, and says where it does", async () => {
    const nested = (depth: number) => JSON.parse(`${'{"a":'.repeat(depth)}{}${"}".repeat(depth)}`) as object;
    const tooDeep = { status: 400, code: "invalid_request", message: expect.stringContaining("256 levels deep") };
    expect(await refused({ model: "m", metadata: nested(300) })).toMatchObject({ ...tooDeep, param: "metadata" });
    expect(await refused({ model: "m", metadata: nested(200) })).toMatchObject({ param: "training_file" });
    const schema = nested(3000);
    const chat = { model: "m", messages: [{ role: "user", content: "hi" }] };
    for (const [fields, param] of [
      [{ steering: { rules: { json_schema: schema } } }, "steering.rules.json_schema"],
      [{ response_format: { type: "json_schema", json_schema: { name: "x", schema } } }, "response_format.json_schema"],
      [{ tools: [{ type: "function", function: { name: "f", parameters: schema } }] }, "tools[0].function.parameters"],
      [{ steering: { guidance: schema } }, "steering"],
    ] as const) {
      const refusal = await api.refusal("POST", "/v1/chat/completions", { key, body: { ...chat, ...fields } });
      expect(refusal).toMatchObject({ ...tooDeep, param });
    }
  });

  it("means the same with a property that is null as without it", async () => {
    const none = await refused("{}");
    expect(await refused('{"model":null,"training_file":null,"seed":null,"nonsense":null}')).toEqual(none);
    const half = { model: "m", training_file: 5 };
    expect(await refused({ ...half, method: { type: null, supervised: null }, metadata: { a: null } })).toEqual(
      await refused({ ...half, method: {}, metadata: {} }),
    );
  });
});

interface Schema {
  readonly $ref?: string;
  readonly properties?: Record<string, Schema>;
}
interface Document {
  readonly paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: Schema }> } }>>;
  readonly components: { schemas: Record<string, Schema> };
}

/** Fields in which null takes away what is there. */
const TAKES_AWAY: Readonly<Record<string, readonly string[]>> = {
  "post /v1/aliases/{alias}": ["steering"],
  "patch /v1/steering/scorers/{scorer}": ["secret", "description"],
};

it("every request of the API may have null in any of its fields, to the effect of leaving all of them out", async () => {
  const { paths, components } = await api.call<Document>("GET", "/openapi.json");
  let walked = 0;
  for (const [template, methods] of Object.entries(paths)) {
    // What a trainer says has nulls that mean something.
    if (template.startsWith("/v1/trainer")) continue;
    for (const [method, { requestBody }] of Object.entries(methods)) {
      const schema = requestBody?.content["application/json"]?.schema;
      if (schema === undefined) continue;
      const { properties = {} } = components.schemas[schema.$ref?.split("/").at(-1) ?? ""] ?? schema;
      expect(Object.keys(properties).length, template).toBeGreaterThan(0);
      const path = template.replaceAll(/\{\w+\}/g, "json");
      const caller = template.startsWith("/v1/admin") ? ADMIN_TOKEN : key;
      const answer = async (body: object) => {
        const reply = await api.send(method, path, { key: caller, body });
        return [reply.status, reply.ok ? "" : await reply.json()];
      };
      const leftOut = Object.keys(properties).filter((name) => !TAKES_AWAY[`${method} ${template}`]?.includes(name));
      const nulls = Object.fromEntries(leftOut.map((name) => [name, null]));
      expect(await answer(nulls), `${method} ${template}`).toEqual(await answer({}));
      walked++;
    }
  }
  expect(walked).toBeGreaterThanOrEqual(8);
});

describe("null in a JSON body", () => {
  it("takes away where a field says so, and counts as left out everywhere else", async () => {
    const body = { name: "judge", url: "https://scores.trimtab.dev/", secret: "0123456789abcdef", description: null };
    await api.call("POST", "/v1/steering/scorers", { key, body });
    const change = (fields: unknown) => api.call("PATCH", "/v1/steering/scorers/judge", { key, body: fields });
    expect(await change({ url: null, description: "x" })).toMatchObject({ url: body.url, has_secret: true });
    expect(await change({ secret: null })).toMatchObject({ has_secret: false, description: "x" });
    const list = { key, body: "[null]", headers: json };
    expect(await api.refusal("PATCH", "/v1/steering/scorers/judge", list)).toMatchObject({ status: 400 });
  });
});
