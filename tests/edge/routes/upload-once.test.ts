import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it, vi } from "vitest";
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

  /** Ends the object as it is: what it holds in memory is gone, and what it stored is there. */
  const kill = async () => {
    await expect(runInDurableObject(object(), (_, state) => state.abort("killed"))).rejects.toThrow("killed");
  };

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

  it.each(["killed", "evicted"])("leaves its key free at once when the object was %s", async (how) => {
    const name = `stalled-${how}`;
    const { body, end } = stalled();
    const headers = { "idempotency-key": name, "content-type": "multipart/form-data; boundary=b" };
    const first = api.send("POST", "/v1/files", { key, headers, body }).catch(() => undefined);
    await expect.poll(async () => (await upload(name)).status).toBe(409);
    await (how === "killed" ? kill() : evictDurableObject(object()));
    const again = await upload(name);
    expect(again.status).toBe(200);
    end();
    await first;
    // The first one, which ended afterwards, has taken nothing away.
    const { id } = (await again.json()) as { id: string };
    const third = await upload(name);
    expect([third.status, third.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
    expect(await third.json()).toMatchObject({ id });
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
      vi.advanceTimersByTime(15_000);
      await expect.poll(claimedAt).toBeGreaterThan(before);
      end();
      await first.catch(() => undefined);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
