import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { CLAIM_MS, RENEW_MS } from "../../../edge/objects/idempotency.ts";
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

describe("an upload whose server was killed", () => {
  const object = () => env.TENANT.get(env.TENANT.idFromName("uploader"));

  /** A form that never ends, and what ends it. */
  function stalled() {
    let end = () => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(
          new TextEncoder().encode("--b\r\ncontent-disposition: form-data; name=file; filename=a\r\n\r\n"),
        );
        end = () => controller.error(new Error("the line is dead"));
      },
    });
    return { body, end };
  }

  const sql = (statement: string) =>
    runInDurableObject(object(), (_, state) => state.storage.sql.exec(statement).toArray());

  it("leaves its key free at once when the process died", async () => {
    const { body, end } = stalled();
    const headers = { "idempotency-key": "dead", "content-type": "multipart/form-data; boundary=b" };
    const first = api.send("POST", "/v1/files", { key, headers, body }).catch(() => undefined);
    await expect.poll(async () => (await upload("dead")).status).toBe(409);
    // What a new process finds: the object and the request ran in one that is gone.
    await sql("UPDATE claim_lives SET life = 'gone', isolate = 'gone' WHERE key = 'tenant:dead'");
    const again = await upload("dead");
    expect(again.status).toBe(200);
    end();
    await first;
    // The first one, which ended afterwards, has taken nothing away.
    const { id } = (await again.json()) as { id: string };
    const third = await upload("dead");
    expect([third.status, third.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
    expect(await third.json()).toMatchObject({ id });
  });

  it("keeps its key while it lives and only the object was evicted", async () => {
    const { body, end } = stalled();
    const headers = { "idempotency-key": "alive", "content-type": "multipart/form-data; boundary=b" };
    const first = api.send("POST", "/v1/files", { key, headers, body }).catch(() => undefined);
    await expect.poll(async () => (await upload("alive")).status).toBe(409);
    await evictDurableObject(object());
    expect((await upload("alive")).status).toBe(409);
    end();
    await first;
    expect((await upload("alive")).status).toBe(200);
  });

  it("leaves its key free once it has not renewed its claim for three renewals", async () => {
    const { body, end } = stalled();
    const headers = { "idempotency-key": "silent", "content-type": "multipart/form-data; boundary=b" };
    const first = api.send("POST", "/v1/files", { key, headers, body }).catch(() => undefined);
    await expect.poll(async () => (await upload("silent")).status).toBe(409);
    // Another isolate's request, of which the object hears no more.
    await sql("UPDATE claim_lives SET holder = 'other', isolate = 'other' WHERE key = 'tenant:silent'");
    expect((await upload("silent")).status).toBe(409);
    await sql(`UPDATE idempotency SET started_at = started_at - ${CLAIM_MS} WHERE key = 'tenant:silent'`);
    expect((await upload("silent")).status).toBe(200);
    end();
    await first;
  });

  it("renews its claim while it runs, so that a slow line loses nothing", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const { body, end } = stalled();
      const headers = { "idempotency-key": "slow", "content-type": "multipart/form-data; boundary=b" };
      const claimedAt = () =>
        runInDurableObject(object(), (_, state) => {
          const [row] = state.storage.sql
            .exec("SELECT started_at FROM idempotency WHERE key = 'tenant:slow'")
            .toArray();
          return Number(row?.started_at ?? 0);
        });
      const first = api.send("POST", "/v1/files", { key, headers, body });
      await expect.poll(claimedAt).toBeGreaterThan(0);
      const before = await claimedAt();
      await new Promise((resolve) => setTimeout(resolve, 5));
      vi.advanceTimersByTime(RENEW_MS);
      await expect.poll(claimedAt).toBeGreaterThan(before);
      end();
      await first.catch(() => undefined);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
