import { env } from "cloudflare:test";
import { toFile } from "openai";
import { beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/limits.ts";
import { Api, CHAT_LINES, datasetForm } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";

const api = new Api();
let key: string;

beforeAll(async () => {
  key = await api.tenant("filer");
});

const upload = (form: FormData | Uint8Array | string, headers: Record<string, string> = {}) =>
  api.refusal("POST", "/v1/files", { key, body: form, headers });

async function stored(): Promise<unknown[]> {
  return (await env.BLOBS.list({ prefix: "tenants/filer/files/" })).objects;
}

describe("uploading", () => {
  it("stores a dataset and gives it back byte for byte", async () => {
    const lines = CHAT_LINES.map((line) => JSON.stringify(line)).join("\n");
    const file = await api.call("POST", "/v1/files", { key, body: datasetForm(CHAT_LINES) });
    expect(file).toEqual({
      id: expect.stringMatching(/^file-\w{24}$/),
      object: "file",
      bytes: new TextEncoder().encode(lines).byteLength,
      created_at: expect.any(Number),
      filename: "train.jsonl",
      purpose: "fine-tune",
      status: "processed",
      status_details: "Read as JSON Lines, with 2 examples (chat).",
      expires_at: null,
      dataset: {
        format: "jsonl",
        compression: null,
        examples: 2,
        layouts: ["chat"],
        formats: [{ format: "chat", examples: 2, first_line: 1 }],
        ignored_columns: [],
        kinds: ["examples"],
      },
    });
    const response = await api.send("GET", `/v1/files/${file.id}/content`, { key });
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="train.jsonl"');
    expect(new TextDecoder().decode(await response.bytes())).toBe(lines);
    expect(await api.call("DELETE", `/v1/files/${file.id}`, { key })).toEqual({
      id: file.id,
      object: "file",
      deleted: true,
    });
    expect(await api.refusal("GET", `/v1/files/${file.id}`, { key })).toMatchObject({ status: 404, param: "file_id" });
    await expect.poll(stored).toEqual([]);
  });

  it("names what it does not train on", async () => {
    const [line] = CHAT_LINES;
    const file = await api.call("POST", "/v1/files", { key, body: datasetForm([{ ...line, id: 1, source: "x" }]) });
    expect(file).toMatchObject({
      status_details: "Read as JSON Lines, with 1 example (chat). Not trained on: id, source.",
      dataset: { ignored_columns: ["id", "source"] },
    });
    await api.call("DELETE", `/v1/files/${file.id}`, { key });
    await expect.poll(stored).toEqual([]);
  });

  it("refuses a file with a bad line whole, by the line's number", async () => {
    const good = CHAT_LINES[0];
    for (const [lines, message] of [
      [[good, "{broken"], /line 2 of the file is not valid JSON/],
      [[good, good, { messages: "hi" }], /line 3 of the file: messages/],
      [[good, { nothing: 1 }], /line 2 of the file fits no known format/],
      [[], /empty/],
    ] as const) {
      expect(await upload(datasetForm(lines))).toMatchObject({
        status: 400,
        code: "invalid_file",
        param: "file",
        message: expect.stringMatching(message),
      });
    }
    expect(await api.call("GET", "/v1/files", { key })).toMatchObject({ data: [] });
    await expect.poll(stored).toEqual([]);
  });

  it("asks for the form's fields, whatever their order", async () => {
    expect(await upload(datasetForm(CHAT_LINES, "assistants"))).toMatchObject({ param: "purpose" });
    const late = new FormData();
    late.set("file", new File([JSON.stringify(CHAT_LINES[0])], "a.jsonl"));
    expect(await upload(late)).toMatchObject({ status: 400, param: "purpose" });
    late.set("purpose", "batch");
    expect(await upload(late)).toMatchObject({ status: 400, param: "purpose" });
    const alone = new FormData();
    alone.set("purpose", "fine-tune");
    expect(await upload(alone)).toMatchObject({ status: 400, param: "file" });
    alone.set("file", "just text");
    expect(await upload(alone)).toMatchObject({ status: 400, param: "file" });
    const more = datasetForm(CHAT_LINES);
    more.set("owner", "me");
    expect(await upload(more)).toMatchObject({ status: 400, param: "owner" });
    await expect.poll(stored).toEqual([]);
  });

  it("refuses what is no form, or breaks off", async () => {
    expect(await upload("{}", { "content-type": "application/json" })).toMatchObject({
      status: 400,
      code: "invalid_request",
    });
    const type = { "content-type": "multipart/form-data; boundary=b" };
    expect(await upload('--b\r\ncontent-disposition: form-data; name="file"', type)).toMatchObject({
      status: 400,
      message: expect.stringContaining("ends in the middle"),
    });
    expect(await upload("nothing", type)).toMatchObject({ status: 400 });
  });

  it("refuses a body over the limit before and while it reads it", async () => {
    const type = { "content-type": "multipart/form-data; boundary=b" };
    expect(await upload("--b--", { ...type, "content-length": String(2 * LIMITS.file) })).toMatchObject({
      status: 413,
      code: "payload_too_large",
    });
  });
});

describe("files for evals", () => {
  it("takes any objects from the official SDK, lists them by purpose, and trains on none", async () => {
    await api.base("eval-base");
    const own = await api.tenant("evaluator");
    const client = openai(api, own);
    const lines = [{ item: { q: "2+2?", a: "4" } }, { item: { q: "1+1?", a: "2" }, sample: { output_text: "2" } }];
    const text = lines.map((line) => JSON.stringify(line)).join("\n");
    const file = async () => toFile(new TextEncoder().encode(text), "items.jsonl");
    const made = [];
    for (const purpose of ["evals", "user_data"] as const) {
      made.push(await client.files.create({ file: await file(), purpose }));
      expect(made.at(-1)).toMatchObject({
        ...{ purpose, filename: "items.jsonl", status_details: "Read as JSON Lines, with 2 objects." },
        dataset: { format: "jsonl", examples: 2, layouts: [], kinds: [] },
      });
    }
    const [evals] = made;
    expect(await collected(client.files.list({ purpose: "evals" }))).toMatchObject([{ id: evals!.id }]);
    expect(await collected(client.files.list({ purpose: "fine-tune" }))).toEqual([]);
    expect(await (await client.files.content(evals!.id)).text()).toBe(text);
    await expect(client.fineTuning.jobs.create({ model: "eval-base", training_file: evals!.id })).rejects.toMatchObject(
      { status: 400, param: "training_file", message: expect.stringMatching(/purpose "evals"/) },
    );
    await expect(client.files.create({ file: await file(), purpose: "fine-tune" })).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/line 1 of the file fits no known format/),
    });
    const list = toFile(new TextEncoder().encode('{"item": 1}\n[2]\n'), "items.jsonl");
    await expect(client.files.create({ file: await list, purpose: "evals" })).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/line 2 of the file is not a JSON object/),
    });
    for (const { id } of made) await client.files.delete(id);
    await expect.poll(async () => (await env.BLOBS.list({ prefix: "tenants/evaluator/files/" })).objects).toEqual([]);
  });
});

describe("a format that is said", () => {
  const both = { prompt: "p", completion: "c", instruction: "i", output: "o" };
  const lines = (...values: object[]) =>
    toFile(new TextEncoder().encode(values.map((value) => JSON.stringify(value)).join("\n")), "train.jsonl");

  it("comes in the form, before the file or after it, or in the address, from the official SDK", async () => {
    const client = openai(api, await api.tenant("formats"));
    const purpose = "fine-tune";
    // The SDK has no such field, and sends what it is given.
    const create = async (body: object, options: { query?: Record<string, unknown> } = {}) =>
      client.files.create(body as Parameters<typeof client.files.create>[0], options);
    const said = [
      await create({ file: await lines(both), purpose, format: "alpaca" }),
      await create({ format: "alpaca", purpose, file: await lines(both) }),
      await create({ file: await lines(both), purpose }, { query: { format: "alpaca" } }),
    ];
    for (const file of said) {
      expect(file).toMatchObject({
        status_details: "Read as JSON Lines, with 1 example (Alpaca). Not trained on: prompt, completion.",
        dataset: { said_format: "alpaca", formats: [{ format: "alpaca", examples: 1, first_line: 1 }] },
      });
    }
    expect(await create({ file: await lines(both), purpose })).toMatchObject({
      dataset: { formats: [{ format: "prompt_completion", examples: 1, first_line: 1 }] },
    });
  });

  it("is kept to, and must be one that there is", async () => {
    for (const [fields, param, message] of [
      [{ format: "alpaca" }, "file", /line 2 of the file is not Alpaca, as the upload's format says/],
      [{ format: "preference_pairs" }, "file", /line 1 of the file/],
      [{ format: "Alpaka" }, "format", /must be one of chat, .*preference_pairs.*, or left out; it is "Alpaka"/],
      [{ format: "alpaca", purpose: "evals" }, "format", /is of files to train on/],
    ] as const) {
      const form = datasetForm([both, { prompt: "p", completion: "c" }]);
      for (const [name, value] of Object.entries(fields)) form.set(name, value);
      expect(await upload(form)).toMatchObject({ status: 400, param, message: expect.stringMatching(message) });
      await expect.poll(stored).toEqual([]);
    }
    const form = datasetForm([both]);
    form.set("format", "alpaca");
    const twice = await api.refusal("POST", "/v1/files?format=prompt_completion", { key, body: form });
    expect(twice).toMatchObject({ status: 400, param: "format", message: expect.stringMatching(/differs/) });
  });

  it("is not needed for a mixture, which is told with where each format begins", async () => {
    const mixer = await api.tenant("mixed-formats");
    const file = await api.call("POST", "/v1/files", {
      key: mixer,
      body: datasetForm([...CHAT_LINES, { instruction: "i", output: "o" }, CHAT_LINES[0]]),
    });
    expect(file).toMatchObject({
      status_details:
        "Read as JSON Lines, with 4 examples (chat, Alpaca). It mixes formats: 3 chat from line 1 on, 1 alpaca from line 3 on.",
      dataset: {
        formats: [
          { format: "chat", examples: 3, first_line: 1 },
          { format: "alpaca", examples: 1, first_line: 3 },
        ],
      },
    });
  });
});

describe("listing", () => {
  it("pages from the newest to the oldest, or the other way", async () => {
    const pager = await api.tenant("pager");
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift(await api.dataset(pager));
    const page = (query: string) => api.call<{ data: { id: string }[] }>("GET", `/v1/files${query}`, { key: pager });
    const first = await page("?limit=2");
    expect(first).toMatchObject({ object: "list", has_more: true, first_id: ids[0], last_id: ids[1] });
    expect(await page(`?limit=2&after=${ids[1]}`)).toMatchObject({ first_id: ids[2], last_id: ids[3], has_more: true });
    expect(await page(`?limit=2&after=${ids[3]}`)).toMatchObject({
      first_id: ids[4],
      last_id: ids[4],
      has_more: false,
    });
    expect(await page(`?after=${ids[4]}`)).toMatchObject({ data: [], has_more: false, first_id: null, last_id: null });
    expect((await page("?order=asc")).data.map(({ id }) => id)).toEqual(ids.toReversed());
    expect(await page("?purpose=batch")).toMatchObject({ data: [] });
    for (const [query, param] of [
      ["?limit=0", "limit"],
      ["?limit=101", "limit"],
      ["?limit=x", "limit"],
      ["?after=file-none", "after"],
      ["?owner=me", "owner"],
    ] as const) {
      expect(await api.refusal("GET", `/v1/files${query}`, { key: pager })).toMatchObject({ status: 400, param });
    }
  });
});

describe("an Idempotency-Key", () => {
  it("brings the same file for the same bytes, and an error for others", async () => {
    const headers = { "idempotency-key": "upload-1" };
    const post = (lines: readonly unknown[]) =>
      api.send("POST", "/v1/files", { key, headers, body: datasetForm(lines) });
    const first = await (await post(CHAT_LINES)).json();
    const again = await post(CHAT_LINES);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await again.json()).toEqual(first);
    const other = await post(CHAT_LINES.slice(1));
    expect(other.status).toBe(422);
    expect(await other.json()).toMatchObject({ error: { code: "idempotency_mismatch" } });
    expect((await api.call<{ data: unknown[] }>("GET", "/v1/files", { key })).data).toHaveLength(1);
    await expect.poll(stored).toHaveLength(1);
  });

  it("stays unused by an upload that was refused", async () => {
    const headers = { "idempotency-key": "upload-2" };
    const bad = await api.refusal("POST", "/v1/files", { key, headers, body: datasetForm(["{"]) });
    expect(bad).toMatchObject({ code: "invalid_file" });
    await api.call("POST", "/v1/files", { key, headers, body: datasetForm(CHAT_LINES) });
  });
});
