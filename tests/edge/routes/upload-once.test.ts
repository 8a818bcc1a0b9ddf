import { beforeAll, describe, expect, it } from "vitest";
import { Api, CHAT_LINES, datasetForm } from "../support/api.ts";

const api = new Api();
let key: string;

beforeAll(async () => {
  key = await api.tenant("uploader");
});

const upload = (name: string, lines: readonly unknown[] = CHAT_LINES) =>
  api.send("POST", "/v1/files", { key, headers: { "idempotency-key": name }, body: datasetForm(lines) });

describe("an upload under an Idempotency-Key", () => {
  it("is one file for any number of forms with the same contents", async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 3; i++) ids.add(((await (await upload("a")).json()) as { id: string }).id);
    expect(ids.size).toBe(1);
    expect((await upload("b")).status).toBe(200);
    expect((await api.call<{ data: unknown[] }>("GET", "/v1/files", { key })).data).toHaveLength(2);
  });

  it("that runs keeps others waiting", async () => {
    const replies = await Promise.all([upload("c"), upload("c")]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409]);
  });

  it("is an error for other contents, also where those are broken", async () => {
    await upload("d");
    expect((await upload("d", CHAT_LINES.slice(1))).status).toBe(422);
    expect((await upload("d", ["{"])).status).toBe(400);
    expect((await upload("d")).headers.get("idempotent-replayed")).toBe("true");
  });
});
