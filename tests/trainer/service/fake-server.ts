import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { laneOf, type Method } from "../../../shared/api/methods.ts";
import type {
  BlobRef,
  Completion,
  Failure,
  Lease,
  PublishCheckpoint,
  TrainerEvent,
} from "../../../shared/api/trainer.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";

/** How a test disturbs one request: an error status and code, a broken connection, or one that hangs. */
export type Fault = { readonly status: number; readonly code?: string } | "reset" | "hang";

export interface FakeJob {
  /** `ftjob-1` if left out. */
  readonly id?: string;
  readonly base: Readonly<Record<string, Uint8Array>>;
  readonly training: string;
  readonly validation?: string;
  readonly method: Method;
  readonly executor?: "onnxruntime" | "tensorflow";
  readonly seed?: number;
  /** The files of the deltas that its method names, by name. */
  readonly models?: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>;
}

export interface FakeServer {
  readonly url: URL;
  readonly token: string;
  readonly requests: string[];
  readonly events: TrainerEvent[];
  readonly artefacts: Map<string, Uint8Array>;
  /** The files kept for the job's owner, by name. */
  readonly kept: Map<string, Uint8Array>;
  /** The files kept beside the base, by name. */
  readonly baseArtefacts: Map<string, Uint8Array>;
  readonly questions: unknown[];
  readonly published: { step: number; checkpoint: PublishCheckpoint }[];
  readonly completions: Completion[];
  readonly failures: Failure[];
  readonly releases: string[];
  /** The newest resume state. */
  state: { step: number; bytes: Uint8Array } | undefined;
  leaseSeconds: number;
  cancel: boolean;
  pause: boolean;
  /** Consulted before every request; requests are counted from 1 per `METHOD path`. */
  fault: (line: string, count: number) => Fault | undefined;
  /** Leases the job to the next trainer that asks, under a new fence; the old fence is then stale. */
  offer(): void;
  close(): Promise<void>;
}

const encode = (text: string) => new TextEncoder().encode(text);

/** The Dispatcher's side of the trainer protocol for one job, in memory, strict about tokens, fences and digests. */
export async function startFakeServer(job: FakeJob): Promise<FakeServer> {
  const token = "trainer-token";
  const blobs = new Map<string, Uint8Array>();
  const { id: jobId = "ftjob-1" } = job;
  const root = `/v1/trainer/jobs/${jobId}`;
  const refOf = async (name: string, bytes: Uint8Array, path: string): Promise<BlobRef> => {
    blobs.set(path, bytes);
    return { name, bytes: bytes.byteLength, sha256: await sha256Hex(bytes), path };
  };
  const dataset = async (id: string, text: string) => ({
    ...(await refOf(`${id}.jsonl`, encode(text), `${root}/files/${id}`)),
    id,
    format: "messages",
    lines: text.trim().split("\n").length,
  });
  const base = await Promise.all(
    Object.entries(job.base).map(([name, bytes]) => refOf(name, bytes, `${root}/base/${name}`)),
  );
  const training = await dataset("file-train", job.training);
  const validation = job.validation === undefined ? null : await dataset("file-valid", job.validation);

  const models = await Promise.all(
    Object.entries(job.models ?? {}).map(async ([name, files], index) => ({
      name,
      digest: "e".repeat(64),
      files: await Promise.all(
        Object.entries(files).map(([file, bytes]) => refOf(file, bytes, `${root}/models/${index}/${file}`)),
      ),
    })),
  );

  let fence = 0;
  let attempt = 0;
  let offered = false;
  const seen = new Map<string, number>();
  const stored = new Set<string>();

  const server: Omit<FakeServer, "url" | "close"> = {
    token,
    requests: [],
    events: [],
    artefacts: new Map(),
    kept: new Map(),
    baseArtefacts: new Map(),
    questions: [],
    published: [],
    completions: [],
    failures: [],
    releases: [],
    state: undefined,
    leaseSeconds: 30,
    cancel: false,
    pause: false,
    fault: () => undefined,
    offer() {
      offered = true;
    },
  };

  async function lease(): Promise<Lease> {
    offered = false;
    fence += 1;
    attempt += 1;
    const { state } = server;
    return {
      job: jobId,
      tenant: "demo",
      lane: laneOf(job.method),
      fence,
      lease_seconds: server.leaseSeconds,
      attempt,
      created_at: 1_700_000_000,
      model: "tiny",
      suffix: null,
      seed: job.seed ?? 7,
      method: job.method,
      executor: job.executor ?? null,
      base: { id: "tiny", digest: "b".repeat(64), files: base },
      training_file: training,
      validation_file: validation,
      models,
      checkpoint:
        state === undefined
          ? null
          : {
              ...(await refOf(`step-${state.step}`, state.bytes, `${root}/checkpoints/${state.step}`)),
              step: state.step,
            },
    };
  }

  async function answer(line: string, request: IncomingMessage, body: Uint8Array<ArrayBuffer>): Promise<Reply> {
    if (request.headers.authorization !== `Bearer ${token}`) return error(401, "invalid_api_key");
    if (line === "POST /v1/trainer/leases") return offered ? json(await lease()) : { status: 204 };
    if (request.headers["x-trimtab-tenant"] !== "demo") return error(404, "not_found");
    if (request.headers["x-trimtab-fence"] !== String(fence)) return error(409, "stale_lease");
    const [method, path] = line.split(" ") as [string, string];
    const [, beside] = /^\/base_artefacts\/(.+)$/.exec(path.slice(root.length)) ?? [];
    if (method === "GET" && beside !== undefined) {
      const bytes = server.baseArtefacts.get(beside);
      return bytes === undefined ? error(404, "not_found", "name") : { status: 200, body: bytes };
    }
    if (method === "GET") {
      const bytes = blobs.get(path);
      return bytes === undefined ? error(404, "not_found") : { status: 200, body: bytes };
    }
    if (method === "PUT" && request.headers["x-trimtab-sha256"] !== (await sha256Hex(body))) {
      return error(400, "invalid_request");
    }
    const parsed = method === "POST" ? (JSON.parse(new TextDecoder().decode(body)) as never) : (undefined as never);
    const [, action, ...rest] = path.slice(root.length).split("/");
    switch (`${action} ${rest.length}`) {
      case "heartbeat 0":
        return json({ cancel: server.cancel, pause: server.pause, lease_seconds: server.leaseSeconds });
      case "events 0": {
        const { events } = parsed as { events: TrainerEvent[] };
        const fresh = events.filter(({ seq }) => !stored.has(`${fence} ${seq}`));
        for (const event of fresh) stored.add(`${fence} ${event.seq}`);
        server.events.push(...fresh);
        return json({ accepted: fresh.length, duplicates: events.length - fresh.length });
      }
      case "checkpoints 1":
        server.state = { step: Number(rest[0]), bytes: body };
        return json({ step: Number(rest[0]), bytes: body.byteLength, sha256: await sha256Hex(body) });
      case "checkpoints 2":
        server.published.push({ step: Number(rest[0]), checkpoint: parsed });
        return json({ model: `ft:tiny:demo::x:ckpt-step-${rest[0]}` });
      case "kept 1":
        server.kept.set(rest[0]!, body);
        return json({ name: rest[0], bytes: body.byteLength, sha256: await sha256Hex(body) });
      case "base_artefacts 1": {
        const created = !server.baseArtefacts.has(rest[0]!);
        if (created) server.baseArtefacts.set(rest[0]!, body);
        return json({ name: rest[0], bytes: body.byteLength, created });
      }
      case "ask 0":
        server.questions.push(parsed);
        return json({
          text: "4",
          usage: { prompt_tokens: 3, completion_tokens: 1, cached_tokens: 0, total_tokens: 4 },
        });
      case "artefacts 3": {
        const created = !server.artefacts.has(rest.join("/"));
        if (created) server.artefacts.set(rest.join("/"), body);
        return json({ name: rest[2], bytes: body.byteLength, created });
      }
      case "complete 0":
        if (server.completions.length === 0) server.completions.push(parsed);
        return json({ model: (parsed as Completion).result === null ? null : "ft:tiny:demo::x" });
      case "fail 0":
        server.failures.push(parsed);
        return json({ status: "failed" });
      case "release 0":
        server.releases.push((parsed as { reason: string }).reason);
        return json({ status: "queued" });
      default:
        return error(404, "not_found");
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const line = `${request.method} ${request.url}`;
    server.requests.push(line);
    const count = (seen.get(line) ?? 0) + 1;
    seen.set(line, count);
    const fault = server.fault(line, count);
    if (fault === "hang") return;
    if (fault === "reset") return void request.socket.destroy();
    const reply =
      fault === undefined
        ? await answer(line, request, new Uint8Array(Buffer.concat(chunks)))
        : error(fault.status, fault.code);
    response.writeHead(reply.status, reply.location === undefined ? {} : { location: reply.location });
    response.end(reply.body);
  }

  const http = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const close = () =>
    new Promise<void>((resolve) => {
      http.close(() => resolve());
      http.closeAllConnections();
    });
  return Object.assign(server, { url, close });
}

interface Reply {
  readonly status: number;
  readonly body?: string | Uint8Array;
  readonly location?: string;
}

const json = (value: unknown): Reply => ({ status: 200, body: JSON.stringify(value) });

function error(status: number, code = "internal_error", param: string | null = null): Reply {
  if (status >= 300 && status < 400) return { status, location: "/elsewhere" };
  const body = JSON.stringify({ error: { message: `refused: ${code}`, type: "test", param, code } });
  return { status, body };
}
