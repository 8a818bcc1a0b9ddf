import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import type { Idempotency, StoredReply } from "../../../edge/objects/idempotency.ts";
import type { AppEnv } from "../../../edge/routes/app-env.ts";
import { errorReply } from "../../../edge/routes/error-reply.ts";
import { once, type ReplyStore } from "../../../edge/routes/idempotent.ts";
import { TrimtabError } from "../../../shared/errors.ts";

/** A store in memory that answers every second claim of a key. */
function memory() {
  const replies = new Map<string, StoredReply>();
  const claims: Idempotency[] = [];
  const idempotency: ReplyStore["idempotency"] = {
    claim: async (asked) => {
      claims.push(asked);
      return replies.get(asked.key) ?? null;
    },
    settle: async (asked, reply) => void replies.set(asked.key, reply),
  };
  return { store: { idempotency }, replies, claims };
}

function app(store: ReplyStore, create: () => Response) {
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

  it("refuses a key that is too long", async () => {
    const post = app(memory().store, () => Response.json({}));
    expect((await post("/a", { "idempotency-key": "x".repeat(256) })).status).toBe(400);
  });
});
