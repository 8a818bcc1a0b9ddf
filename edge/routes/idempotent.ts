import type { Context } from "hono";
import { TrimtabError } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import { LIMITS } from "../../shared/limits.ts";
import { CLAIM_MS, type Claim, type Idempotency, removedSince, type StoredReply } from "../objects/idempotency.ts";
import type { AppEnv } from "./app-env.ts";
import { errorReply } from "./error-reply.ts";
import { newHolder, renewing } from "./renewing.ts";

/** An object that remembers replies. */
export interface ReplyStore {
  readonly idempotency: {
    claim(request: Claim & { staleMs: number }): Promise<StoredReply | null>;
    renew(request: Claim): Promise<void>;
    settle(request: Claim, reply: StoredReply): Promise<void>;
  };
}

/**
 * Runs a creating request once for each Idempotency-Key. `create` receives the key to store with its result, or null if
 * none was sent. Every further request under the key gets the same reply or error.
 */
export async function once<T extends Response>(
  c: Context<AppEnv>,
  { idempotency }: ReplyStore,
  create: (key: Idempotency | null) => Promise<T>,
): Promise<T> {
  const key = await idempotencyOf(c, c.var.bodyDigest);
  if (key === null) return create(null);
  const claim: Claim = { ...key, holder: newHolder() };
  const before = await idempotency.claim({ ...claim, staleMs: CLAIM_MS });
  if (before !== null) return replay(before) as T;
  return renewing(
    () => idempotency.renew(claim),
    async () => {
      const reply = await create(key).catch(errorReply);
      await idempotency.settle(claim, { status: reply.status, body: await reply.clone().text() });
      return reply as T;
    },
  );
}

/**
 * Like `once`, for a change that stores only what it made, such as `{id}`, under the key: a further request gets the thing as it is
 * now, from `again`, because its state changes and may be too large to keep; not_found if it was deleted since. Errors are kept as
 * they were.
 */
export async function onceAgain<T extends Response, Made extends { readonly id: string } = { readonly id: string }>(
  c: Context<AppEnv>,
  store: ReplyStore,
  create: (key: Idempotency | null) => Promise<T>,
  again: (made: Made) => Promise<T>,
): Promise<T> {
  const reply = await once(c, store, create);
  if (!reply.ok || reply.headers.get("idempotent-replayed") === null) return reply;
  const made = (await reply.json()) as Made;
  return readAgain(() => again(made));
}

/** Answers a replay with what the first request made, as it is now; not_found once it is gone. */
export async function readAgain<T extends Response>(read: () => Promise<T>): Promise<T> {
  const current = await read().catch((error: unknown) => {
    if (error instanceof TrimtabError && error.code === "not_found")
      return errorReply(removedSince(error.message)) as T;
    throw error;
  });
  current.headers.set("idempotent-replayed", "true");
  return current;
}

/** A request's Idempotency-Key and fingerprint; null if it has no key. `contents` is the digest of its body. */
export async function idempotencyOf(c: Context<AppEnv>, contents: string): Promise<Idempotency | null> {
  const key = c.req.header("idempotency-key");
  if (key === undefined) return null;
  if (key.length === 0 || key.length > LIMITS.idempotencyKey) {
    throw new TrimtabError("invalid_request", `Idempotency-Key must have 1 to ${LIMITS.idempotencyKey} characters.`, {
      param: "idempotency-key",
    });
  }
  const sent = JSON.stringify([c.req.method, c.req.path, contents]);
  return {
    key: `${c.req.path.startsWith("/v1/admin") ? "admin" : "tenant"}:${key}`,
    fingerprint: await sha256Hex(new TextEncoder().encode(sent)),
  };
}

/** A stored reply, word for word. A retry would get the same error, so a header tells SDKs not to retry. */
export function replay(reply: StoredReply): Response {
  const headers = new Headers({ "content-type": "application/json", "idempotent-replayed": "true" });
  if (reply.status >= 400) headers.set("x-should-retry", "false");
  return new Response(reply.body, { status: reply.status, headers });
}
