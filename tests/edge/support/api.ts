import { createExecutionContext, env, waitOnExecutionContext } from "cloudflare:test";
import type { Env } from "../../../edge/env.ts";
import { createApp } from "../../../edge/routes/app.ts";
import { TRAINER_HEADERS } from "../../../shared/api/trainer.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { type Folder, fileList, tinyBase } from "./tiny-base.ts";

export const ADMIN_TOKEN = "admin-token-of-the-tests";
export const TRAINER_TOKEN = "trainer-token-of-the-tests";

export interface CallOptions {
  readonly key?: string | undefined;
  /** JSON unless it is bytes or a form. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The Worker's routes over real Durable Objects and R2. */
export class Api {
  readonly env: Env;
  readonly #app = createApp();

  constructor(overrides: Partial<Env> = {}) {
    this.env = { ...env, ADMIN_TOKEN, TRAINER_TOKEN, ...overrides };
  }

  /** Sends a request and waits for what the Worker left running behind the reply, unless the reply is a stream. */
  async send(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    const headers = new Headers(options.headers);
    if (options.key !== undefined) headers.set("authorization", `Bearer ${options.key}`);
    const { body } = options;
    const raw =
      body instanceof FormData ||
      body instanceof Uint8Array ||
      typeof body === "string" ||
      body instanceof ReadableStream;
    if (body !== undefined && !raw && !headers.has("content-type")) headers.set("content-type", "application/json");
    if (body instanceof Uint8Array && !headers.has("content-length")) {
      headers.set("content-length", String(body.byteLength));
    }
    const init: RequestInit = { method, headers, ...(options.signal === undefined ? {} : { signal: options.signal }) };
    if (body !== undefined) init.body = raw ? (body as BodyInit) : JSON.stringify(body);
    const context = createExecutionContext();
    const response = await this.#app.fetch(new Request(`https://trimtab.test${path}`, init), this.env, context);
    if (!(response.headers.get("content-type") ?? "").startsWith("text/event-stream"))
      await waitOnExecutionContext(context);
    return response;
  }

  /** Sends a request that has to succeed and returns its JSON. */
  async call<T = Record<string, unknown>>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const response = await this.send(method, path, options);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Sends a request that has to fail and returns its status and error. */
  async refusal(method: string, path: string, options: CallOptions = {}): Promise<Refusal> {
    const response = await this.send(method, path, options);
    const body = (await response.json()) as { error?: Omit<Refusal, "status"> };
    if (response.ok || body.error === undefined)
      throw new Error(`${method} ${path} was not refused: ${JSON.stringify(body)}`);
    return { status: response.status, ...body.error };
  }

  /**
   * A new tenant's key. Test files share one Worker, and an object that is still at work when a file ends outlives the reset of its
   * storage: another file's tenant of that name is deleted first.
   */
  async tenant(id: string, limits: Record<string, number> = {}): Promise<string> {
    const create = { key: ADMIN_TOKEN, body: { id, ...limits } };
    const { status } = await this.send("POST", "/v1/admin/tenants", create);
    if (status === 409) await this.call("DELETE", `/v1/admin/tenants/${id}`, { key: ADMIN_TOKEN });
    if (status !== 200) await this.call("POST", "/v1/admin/tenants", create);
    const { key } = await this.call<{ key: string }>("POST", `/v1/admin/tenants/${id}/keys`, {
      key: ADMIN_TOKEN,
      body: {},
    });
    return key;
  }

  /** Announces and uploads a base model; `publish` it afterwards. */
  async uploadBase(id: string, folder: Folder): Promise<void> {
    await this.call("POST", "/v1/admin/models", { key: ADMIN_TOKEN, body: { id, files: await fileList(folder) } });
    for (const [name, body] of folder) {
      await this.call("PUT", `/v1/admin/models/${encodeURIComponent(id)}/files/${name}`, { key: ADMIN_TOKEN, body });
    }
  }

  /** A base model that can be used. */
  async base(id: string, folder: Folder = tinyBase()): Promise<void> {
    await this.uploadBase(id, folder);
    await this.call("POST", `/v1/admin/models/${encodeURIComponent(id)}/publish`, { key: ADMIN_TOKEN });
  }

  /** Uploads a dataset and returns the file's id. */
  async dataset(key: string, lines: readonly unknown[] = CHAT_LINES, format?: string): Promise<string> {
    const path = format === undefined ? "/v1/files" : `/v1/files?format=${format}`;
    const { id } = await this.call<{ id: string }>("POST", path, { key, body: datasetForm(lines) });
    return id;
  }
}

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
}

export const CHAT_LINES = [
  {
    messages: [
      { role: "user", content: "hi" },
      { role: "assistant", content: "ahoy" },
    ],
  },
  {
    messages: [
      { role: "user", content: "bye" },
      { role: "assistant", content: "fair winds" },
    ],
  },
];

export function datasetForm(lines: readonly unknown[], purpose = "fine-tune"): FormData {
  const form = new FormData();
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
  form.set("purpose", purpose);
  form.set("file", new File([text], "train.jsonl"));
  return form;
}

/** The headers of a trainer that holds a job. */
export function holding(lease: { tenant: string; fence: number }): Record<string, string> {
  return { [TRAINER_HEADERS.tenant]: lease.tenant, [TRAINER_HEADERS.fence]: String(lease.fence) };
}

/** The headers with which bytes are stored. */
export async function storing(
  lease: { tenant: string; fence: number },
  body: Uint8Array,
): Promise<Record<string, string>> {
  return { ...holding(lease), [TRAINER_HEADERS.sha256]: await sha256Hex(body) };
}
