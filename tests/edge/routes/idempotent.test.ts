import { Hono } from "hono";
import { describe, expect, it, vi } from "vitest";
import type { Idempotency, StoredReply } from "../../../edge/objects/idempotency.ts";
import type { AppEnv } from "../../../edge/routes/app-env.ts";
import { errorReply } from "../../../edge/routes/error-reply.ts";
import { once, type ReplyStore } from "../../../edge/routes/idempotent.ts";
import { TrimtabError } from "../../../shared/errors.ts";

/** A store in memory that answers every second claim of a key. */
function memory() {
  const replies = new Map<string, StoredReply>();
  const claims: (Idempotency & { staleMs: number })[] = [];
  const renewed: string[] = [];
  const idempotency: ReplyStore["idempotency"] = {
    claim: async (asked) => {
      claims.push(asked);
      return replies.get(asked.key) ?? null;
    },
    renew: async (asked) => void renewed.push(asked.key),
    settle: async (asked, reply) => void replies.set(asked.key, reply),
  };
  return { store: { idempotency }, replies, claims, renewed };
}

function app(store: ReplyStore, create: () => Response | Promise<Response>) {
  const hono = new Hono<AppEnv>();
  hono.post("*", (c) => {
    c.set("bodyDigest", c.req.header("x-body") ?? "");
    return once(c, store, async () => create());
  });
  hono.onError(errorReply);
  return (path: string, headers: Record<string, string>) => hono.request(path, { method: "POST", headers });
}

describe("once", () => {
  it("runs without a key as often as it is asked", async () => {
    const { store, claims } = memory();
    let runs = 0;
    const post = app(store, () => Response.json({ runs: ++runs }));
    await post("/a", {});
    expect(await (await post("/a", {})).json()).toEqual({ runs: 2 });
    expect(claims).toEqual([]);
  });

  it("keeps replies and errors, and tells paths, bodies and realms apart", async () => {
    const { store, replies, claims } = memory();
    const post = app(store, () => {
      throw new TrimtabError("capacity_exceeded", "full");
    });
    const first = await post("/a", { "idempotency-key": "k" });
    const second = await post("/a", { "idempotency-key": "k" });
    expect([first.status, second.status]).toEqual([503, 503]);
    expect(await second.text()).toBe(await first.text());
    expect(replies.get("tenant:k")?.status).toBe(503);
    await post("/b", { "idempotency-key": "k" });
    await post("/a", { "idempotency-key": "k", "x-body": "other" });
    await post("/v1/admin/a", { "idempotency-key": "k" });
    expect(new Set(claims.map(({ fingerprint }) => fingerprint)).size).toBe(4);
    expect(new Set(claims.map(({ key }) => key))).toEqual(new Set(["tenant:k", "admin:k"]));
  });

  it("renews its claim while it runs, so that a slow request is not run again", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const { store, claims, renewed } = memory();
      let end = (_: Response) => {};
      const post = app(store, () => new Promise<Response>((resolve) => (end = resolve)));
      const slow = post("/a", { "idempotency-key": "slow" });
      await expect.poll(() => claims.length).toBe(1);
      vi.advanceTimersByTime(claims[0]!.staleMs);
      expect(renewed.length).toBeGreaterThanOrEqual(3);
      expect(new Set(renewed)).toEqual(new Set(["tenant:slow"]));
      end(Response.json({}));
      await slow;
      const before = renewed.length;
      vi.advanceTimersByTime(claims[0]!.staleMs);
      expect(renewed).toHaveLength(before);
    } finally {
      vi.useRealTimers();
    }
  });

  it("refuses a key that is too long", async () => {
    const post = app(memory().store, () => Response.json({}));
    expect((await post("/a", { "idempotency-key": "x".repeat(256) })).status).toBe(400);
  });
});
