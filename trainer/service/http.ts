import { ErrorResponse } from "../../shared/api/errors.ts";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import { joinBytes } from "../../shared/formats/join-bytes.ts";

/** Side effects of the client, passed in so that tests need no network and no waiting. */
export interface HttpEffects {
  readonly fetch: typeof fetch;
  /** Waits; resolves early, without throwing, if the signal aborts. */
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  /** Milliseconds. */
  readonly now: () => number;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** Absolute path, with its leading slash. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For one attempt, including the body. */
  readonly timeoutMs: number;
  /** How long to retry transient failures, counted from the first one; 0 means a single attempt. */
  readonly retryForMs: number;
  /** How long to wait besides, all in all, where a tenant's limit is reached and the server says for how long. */
  readonly limitedForMs?: number;
  /** A longer reply is rejected. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly bytes: Uint8Array;
}

export type Send = (request: HttpRequest) => Promise<HttpReply>;

const MAX_ERROR_BYTES = 64 * 1024;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Sends requests to one server. The address comes only from the settings and redirects are not followed. Every attempt has a
 * time limit, and transient failures (no connection, a timeout, 408, 429, 5xx) are retried with exponential backoff and jitter, but
 * never before the time that a `retry-after` names.
 *
 * `send` throws the server's own error for a 4xx, `capacity_exceeded` if the server stays unreachable, and `signal`'s reason if
 * that aborts.
 */
export function createSend(server: URL, token: string, effects: HttpEffects): Send {
  return async (request) => {
    /** Known from the first failure on: one attempt may take longer than all retries. */
    let deadline: number | undefined;
    let patience = request.limitedForMs ?? 0;
    for (let attempt = 0; ; attempt++) {
      const outcome = await tryOnce(server, token, effects.fetch, request);
      request.signal?.throwIfAborted();
      if (!("error" in outcome)) return outcome;
      if (!outcome.isTransient || request.retryForMs === 0) throw outcome.error;
      deadline ??= effects.now() + request.retryForMs;
      const backoff = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt) * (0.5 + effects.random() / 2);
      const { retryAfterMs = 0 } = outcome;
      // Spread out behind it: others wait for the same moment.
      const pause = retryAfterMs === 0 ? backoff : retryAfterMs + backoff;
      if (outcome.isLimit && pause <= patience) {
        patience -= pause;
        deadline += pause;
      }
      if (effects.now() + pause > deadline) throw outcome.error;
      await effects.sleep(pause, request.signal);
      request.signal?.throwIfAborted();
    }
  };
}

interface FailedAttempt {
  readonly error: TrimtabError;
  readonly isTransient: boolean;
  /** Whether the server works, and a limit is reached. */
  readonly isLimit?: boolean;
  /** What the server's `retry-after` asks for. */
  readonly retryAfterMs?: number;
}

async function tryOnce(
  server: URL,
  token: string,
  fetch: HttpEffects["fetch"],
  request: HttpRequest,
): Promise<HttpReply | FailedAttempt> {
  const what = `${request.method} ${request.path}`;
  const target = new URL(request.path, server);
  if (target.origin !== server.origin) {
    const error = new TrimtabError("permission_denied", `${what} was not sent: it points outside ${server.origin}`);
    return { error, isTransient: false };
  }
  const timeout = AbortSignal.timeout(request.timeoutMs);
  try {
    const response = await fetch(target, {
      method: request.method,
      headers: { ...request.headers, authorization: `Bearer ${token}` },
      redirect: "manual",
      signal: request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]),
      ...(request.body === undefined ? {} : { body: request.body as string | Uint8Array<ArrayBuffer> }),
    });
    const bytes = await readBody(response, response.ok ? request.maxBytes : MAX_ERROR_BYTES);
    if (response.ok) return { status: response.status, bytes };
    return {
      error: errorOf(what, response.status, bytes),
      isTransient: isTransient(response.status),
      isLimit: response.status === 429,
      retryAfterMs: retryAfterOf(response.headers),
    };
  } catch (error) {
    if (error instanceof TrimtabError) return { error, isTransient: false };
    const reason = timeout.aborted ? `no answer within ${request.timeoutMs} ms` : reasonOf(error);
    return {
      error: new TrimtabError("capacity_exceeded", `${what} failed: ${reason}`, { cause: error }),
      isTransient: true,
    };
  }
}

const isTransient = (status: number) => status === 408 || status === 429 || status >= 500;

/** Milliseconds; 0 where there is none, or a date, which Trimtab never sends. */
function retryAfterOf(headers: Headers): number {
  const seconds = Number(headers.get("retry-after") ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0;
}

/** The server's own error if the reply contains one. */
function errorOf(what: string, status: number, bytes: Uint8Array): TrimtabError {
  if (status >= 300 && status < 400) {
    return new TrimtabError("permission_denied", `${what} returned a redirect (${status}), which is not followed`);
  }
  const parsed = ErrorResponse.safeParse(parseJson(new TextDecoder().decode(bytes)));
  if (!parsed.success) {
    return new TrimtabError(isTransient(status) ? "capacity_exceeded" : "internal_error", `${what} returned ${status}`);
  }
  const { code, message, param } = parsed.data.error;
  return new TrimtabError(code, message, { data: { status }, ...(param === null ? {} : { param }) });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads the body. Throws `payload_too_large` as soon as it exceeds `maxBytes`. */
async function readBody(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) {
      throw new TrimtabError("payload_too_large", `the server's reply is longer than the expected ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return joinBytes(chunks);
}

/** Node's fetch only says "fetch failed"; the reason is in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${messageOf(cause)}`;
}
