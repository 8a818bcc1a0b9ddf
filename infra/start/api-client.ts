/** Calls the API as any client would. Retries transient failures, such as a server that is restarting. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { ERROR_CODES, messageOf, TrimtabError } from "../../shared/errors.ts";

const ErrorReply = z.looseObject({
  error: z.looseObject({ message: z.string(), code: z.enum(ERROR_CODES), param: z.string().nullable() }),
});

export interface ApiClientOptions {
  readonly url: string;
  /** Bearer token. */
  readonly token: string;
  /** How long to retry a call. */
  readonly retryForSeconds?: number;
}

type Body = string | Uint8Array<ArrayBuffer> | FormData;

interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: () => Body;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Every method throws `TrimtabError` with the reply's code, message and param, or `internal_error` if there is no reply. */
export class ApiClient {
  readonly #url: string;
  readonly #token: string;
  readonly #retryForMs: number;

  constructor({ url, token, retryForSeconds = 60 }: ApiClientOptions) {
    this.#url = url;
    this.#token = token;
    this.#retryForMs = retryForSeconds * 1000;
  }

  async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return await this.#json({ method: "GET", path }, schema);
  }

  async post<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    const text = JSON.stringify(body);
    const headers = { "content-type": "application/json" };
    return await this.#json({ method: "POST", path, body: () => text, headers }, schema);
  }

  async delete<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return await this.#json({ method: "DELETE", path }, schema);
  }

  async put<T>(
    path: string,
    bytes: Uint8Array<ArrayBuffer>,
    headers: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
  ): Promise<T> {
    return await this.#json({ method: "PUT", path, body: () => bytes, headers }, schema);
  }

  /** Uploads a dataset as the form that `POST /v1/files` expects. */
  async upload<T>(path: string, name: string, bytes: Uint8Array<ArrayBuffer>, schema: z.ZodType<T>): Promise<T> {
    const form = (): FormData => {
      const data = new FormData();
      data.set("purpose", "fine-tune");
      data.set("file", new Blob([bytes]), name);
      return data;
    };
    return await this.#json({ method: "POST", path, body: form }, schema);
  }

  /** The events of a streamed reply, up to `[DONE]`. */
  async *stream<T>(path: string, body: unknown, schema: z.ZodType<T>): AsyncGenerator<T, void> {
    const text = JSON.stringify({ ...(body as object), stream: true });
    const headers = { "content-type": "application/json" };
    const response = await this.#call({ method: "POST", path, body: () => text, headers });
    for await (const data of serverSentData(response.body as ReadableStream<Uint8Array<ArrayBuffer>>)) {
      if (data === "[DONE]") return;
      const event: unknown = JSON.parse(data);
      const failure = ErrorReply.safeParse(event);
      if (failure.success) throw errorOf(failure.data);
      yield schema.parse(event);
    }
    throw new TrimtabError("internal_error", `The stream from ${path} ended early.`);
  }

  async #json<T>(call: Call, schema: z.ZodType<T>): Promise<T> {
    const response = await this.#call(call);
    return schema.parse(await response.json());
  }

  async #call({ method, path, body, headers }: Call): Promise<Response> {
    const deadline = performance.now() + this.#retryForMs;
    const key = method === "POST" ? { "idempotency-key": randomUUID() } : {};
    for (let pause = 200; ; pause = Math.min(pause * 2, 5_000)) {
      const failure = await this.#try(method, path, body?.(), { ...headers, ...key });
      if (failure instanceof Response) return failure;
      if (!failure.isTransient || performance.now() + pause > deadline) throw failure.error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  async #try(
    method: string,
    path: string,
    body: Body | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<Response | { readonly isTransient: boolean; readonly error: TrimtabError }> {
    let response: Response;
    let text: string;
    try {
      const init = { method, headers: { authorization: `Bearer ${this.#token}`, ...headers } };
      response = await fetch(this.#url + path, body === undefined ? init : { ...init, body });
      if (response.ok) return response;
      text = await response.text();
    } catch (cause) {
      const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
      const message = `${method} ${path} got no reply from ${this.#url}: ${messageOf(why)}`;
      return { isTransient: true, error: new TrimtabError("internal_error", message, { cause }) };
    }
    const isTransient = response.status === 429 || response.status >= 500;
    return { isTransient, error: replyError(`${method} ${path}`, response.status, text) };
  }
}

function replyError(call: string, status: number, text: string): TrimtabError {
  try {
    return errorOf(ErrorReply.parse(JSON.parse(text)));
  } catch (cause) {
    return new TrimtabError("internal_error", `${call} returned ${status}: ${text.slice(0, 200)}`, { cause });
  }
}

function errorOf({ error }: z.infer<typeof ErrorReply>): TrimtabError {
  return new TrimtabError(error.code, error.message, error.param === null ? {} : { param: error.param });
}

/** The `data:` fields of a stream of server-sent events, which must be single lines. */
export async function* serverSentData(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string, void> {
  let pending = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + text).split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) yield line.slice(6).trimEnd();
  }
}
