import { ErrorResponse } from "../../shared/api/errors.ts";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import { joinBytes } from "../../shared/formats/join-bytes.ts";

/** Effects of the client, passed in so that tests need neither a network nor patience. */
export interface HttpEffects {
  readonly fetch: typeof fetch;
  /** Waits; ends early, without throwing, when the signal aborts. */
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** A number in [0, 1), for spreading retries. */
  readonly random: () => number;
  /** Milliseconds. */
  readonly now: () => number;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** Relative to the server's root, with its leading slash. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For one try, its body included. */
  readonly timeoutMs: number;
  /** How long failures that may pass are tried again; 0: one try. */
  readonly retryForMs: number;
  /** A longer reply is refused. */
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
 * Requests to one server. The address comes from the settings alone, redirects are not followed, every try has a time
 * limit, and what may pass (no connection, a time-out, 408, 429, 5xx) is tried again with growing, jittered pauses.
 *
 * `send` throws the server's own error for a 4xx, `capacity_exceeded` where the server stays out of reach, and the
 * reason of `signal` once that aborts.
 */
export function createSend(server: URL, token: string, effects: HttpEffects): Send {
  return async (request) => {
    const deadline = effects.now() + request.retryForMs;
    for (let attempt = 0; ; attempt++) {
      const outcome = await tryOnce(server, token, effects.fetch, request);
      request.signal?.throwIfAborted();
      if (!("error" in outcome)) return outcome;
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt) * (0.5 + effects.random() / 2);
      if (!outcome.mayPass || effects.now() + pause > deadline) throw outcome.error;
      await effects.sleep(pause, request.signal);
      request.signal?.throwIfAborted();
    }
  };
}

interface Setback {
  readonly error: TrimtabError;
  readonly mayPass: boolean;
}

async function tryOnce(
  server: URL,
  token: string,
  fetch: HttpEffects["fetch"],
  request: HttpRequest,
): Promise<HttpReply | Setback> {
  const what = `${request.method} ${request.path}`;
  const target = new URL(request.path, server);
  if (target.origin !== server.origin) {
    const error = new TrimtabError("permission_denied", `${what} was not sent: it leads away from ${server.origin}`);
    return { error, mayPass: false };
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
    return { error: errorOf(what, response.status, bytes), mayPass: mayPass(response.status) };
  } catch (error) {
    if (error instanceof TrimtabError) return { error, mayPass: false };
    const reason = timeout.aborted ? `no answer within ${request.timeoutMs} ms` : reasonOf(error);
    return {
      error: new TrimtabError("capacity_exceeded", `${what} failed: ${reason}`, { cause: error }),
      mayPass: true,
    };
  }
}

const mayPass = (status: number) => status === 408 || status === 429 || status >= 500;

/** The server's own error where the reply holds one. */
function errorOf(what: string, status: number, bytes: Uint8Array): TrimtabError {
  if (status >= 300 && status < 400) {
    return new TrimtabError(
      "permission_denied",
      `${what} was answered with a redirect (${status}), which is not followed`,
    );
  }
  const parsed = ErrorResponse.safeParse(parseJson(new TextDecoder().decode(bytes)));
  if (!parsed.success) {
    return new TrimtabError(mayPass(status) ? "capacity_exceeded" : "internal_error", `${what} was answered ${status}`);
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

/** Reads at most `maxBytes`; a longer body is cut off and refused. */
async function readBody(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) {
      throw new TrimtabError("payload_too_large", `the server's reply has more than the ${maxBytes} bytes expected`);
    }
    chunks.push(chunk);
  }
  return joinBytes(chunks);
}

/** Node's fetch says "fetch failed" and hides why in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${messageOf(cause)}`;
}
