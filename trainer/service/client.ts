import type { z } from "zod";
import type { ArtefactKind } from "../../shared/api/artefact-kinds/registry.ts";
import { baseArtefactKind } from "../../shared/api/base-artefacts/registry.ts";
import {
  Acknowledged,
  ArtefactReply,
  type BlobRef,
  CheckpointReply,
  type Completion,
  CompletionReply,
  type EventBatch,
  EventBatchReply,
  type Failure,
  type Heartbeat,
  HeartbeatReply,
  KeptFileReply,
  Lease,
  type LeaseRequest,
  ModelReply,
  type PublishCheckpoint,
  PublishReply,
  type Release,
  TRAINER_HEADERS,
} from "../../shared/api/trainer.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import type { ModelAnswer, Question } from "../../shared/graders/kind.ts";
import { wordIssue } from "../../shared/issue-words.ts";
import type { HttpRequest, Send } from "./http.ts";

const ROOT = "/v1/trainer";
/** Maximum bytes of a JSON reply; a lease lists every file of its base. */
const MAX_REPLY = 4 << 20;
const QUICK_MS = 10_000;
/** The slowest transfer rate to allow for, in bytes per millisecond. */
const SLOWEST = 256;
/** How long to retry a call that carries the job's work. */
const PERSIST_MS = 60_000;
/** How long a model may take to answer a question. */
const ANSWER_MS = 120_000;
/** What is not found where a base has no file of a name; a job that is gone has another `param`. */
const ARTEFACT_PARAM = "name";
/** How long a question waits for the tenant's limits, which its other requests use up as well. */
const LIMITED_MS = 900_000;
/** A result may be hours of work, and a step may wait for an answer, so it is worth waiting out a longer outage. */
const PERSIST_RESULT_MS = 300_000;

/** Asks for work. Returns undefined if there is none. Does not retry, because the caller asks again anyway. */
export async function requestLease(send: Send, request: LeaseRequest, signal: AbortSignal): Promise<Lease | undefined> {
  const reply = await send({
    method: "POST",
    path: `${ROOT}/leases`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
    timeoutMs: QUICK_MS,
    retryForMs: 0,
    maxBytes: MAX_REPLY,
    signal,
  });
  return reply.status === 204 ? undefined : parseReply(Lease, reply.bytes);
}

/** The calls for one leased job; each carries the lease's tenant and fence. Throws what `Send` throws. */
export interface JobClient {
  /** Not retried: the next heartbeat follows anyway. */
  heartbeat(report: Heartbeat): Promise<HeartbeatReply>;
  events(batch: EventBatch): Promise<void>;
  /** The bytes of a blob. Throws `corrupt_blob` if three downloads do not match the digest in the lease. */
  download(ref: BlobRef, signal: AbortSignal): Promise<Uint8Array>;
  saveCheckpoint(step: number, state: Uint8Array): Promise<void>;
  uploadFile(folder: { kind: ArtefactKind; digest: string }, file: UploadedFile): Promise<void>;
  /** Stores a file for the job's owner. */
  keepFile(file: UploadedFile): Promise<void>;
  /** A file kept beside the job's base; undefined if there is none of that name. Throws what `download` does. */
  readBaseArtefact(name: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Keeps a file beside the job's base; one that is there already stays. */
  keepBaseArtefact(file: UploadedFile): Promise<void>;
  /** Asks a model of the tenant's, and waits while the server cannot answer or the tenant's limits are reached. */
  ask(question: Question, signal: AbortSignal): Promise<ModelAnswer>;
  publishCheckpoint(step: number, checkpoint: PublishCheckpoint): Promise<string>;
  /** Returns the name of the published model; null where there is none. */
  complete(completion: Completion): Promise<string | null>;
  fail(failure: Failure): Promise<void>;
  release(release: Release): Promise<void>;
}

/** How long a call may take. */
type Patience = Pick<HttpRequest, "retryForMs" | "limitedForMs" | "signal"> & { readonly timeoutMs?: number };

const WORK: Patience = { retryForMs: PERSIST_MS };
/** The server checks every stored file of a result before it answers. */
const RESULT: Patience = { retryForMs: PERSIST_RESULT_MS, timeoutMs: PERSIST_MS };
const ANSWER: Patience = { retryForMs: PERSIST_RESULT_MS, limitedForMs: LIMITED_MS, timeoutMs: ANSWER_MS };

export interface UploadedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

export function createJobClient(send: Send, { job, tenant, fence }: Lease): JobClient {
  const headers = { [TRAINER_HEADERS.tenant]: tenant, [TRAINER_HEADERS.fence]: String(fence) };
  const root = `${ROOT}/jobs/${job}`;

  async function post<S extends z.ZodType>(
    schema: S,
    path: string,
    body: unknown,
    { timeoutMs = QUICK_MS, ...patience }: Patience,
  ) {
    const reply = await send({
      method: "POST",
      path: `${root}/${path}`,
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
      timeoutMs,
      ...patience,
      maxBytes: MAX_REPLY,
    });
    return parseReply(schema, reply.bytes);
  }

  async function put<S extends z.ZodType>(
    schema: S,
    path: string,
    file: Omit<UploadedFile, "name">,
    retryForMs: number,
  ) {
    const request: HttpRequest = {
      method: "PUT",
      path: `${root}/${path}`,
      headers: {
        ...headers,
        "content-type": "application/octet-stream",
        [TRAINER_HEADERS.sha256]: file.sha256,
      },
      body: file.bytes,
      timeoutMs: transferMs(file.bytes.byteLength),
      retryForMs,
      maxBytes: MAX_REPLY,
    };
    return parseReply(schema, (await send(request)).bytes);
  }

  async function download(ref: BlobRef, signal: AbortSignal): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      const { bytes } = await send({
        method: "GET",
        path: ref.path,
        headers,
        timeoutMs: transferMs(ref.bytes),
        retryForMs: PERSIST_MS,
        maxBytes: ref.bytes,
        signal,
      });
      if (bytes.byteLength === ref.bytes && (await sha256Hex(bytes)) === ref.sha256) return bytes;
      if (attempt === 3) {
        throw new TrimtabError(
          "corrupt_blob",
          `The stored file ${ref.name} does not match what was uploaded. Upload it again and start a new job.`,
          { data: { name: ref.name, expected: ref.sha256, bytes: bytes.byteLength } },
        );
      }
    }
  }

  async function readBaseArtefact(name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const request: HttpRequest = {
      method: "GET",
      path: `${root}/base_artefacts/${name}`,
      headers,
      // Nobody has announced its length.
      timeoutMs: PERSIST_RESULT_MS,
      retryForMs: PERSIST_MS,
      maxBytes: baseArtefactKind(name, "name").bytes,
      signal,
    };
    try {
      return (await send(request)).bytes;
    } catch (error) {
      if (error instanceof TrimtabError && error.code === "not_found" && error.param === ARTEFACT_PARAM)
        return undefined;
      throw error;
    }
  }

  return {
    heartbeat: (report) => post(HeartbeatReply, "heartbeat", report, { retryForMs: 0 }),
    events: async (batch) => void (await post(EventBatchReply, "events", batch, WORK)),
    download,
    saveCheckpoint: async (step, bytes) => {
      const file = { bytes, sha256: await sha256Hex(bytes) };
      await put(CheckpointReply, `checkpoints/${step}`, file, PERSIST_MS);
    },
    uploadFile: async ({ kind, digest }, file) =>
      void (await put(
        ArtefactReply,
        `artefacts/${kind}/${digest}/${encodeURIComponent(file.name)}`,
        file,
        PERSIST_RESULT_MS,
      )),
    keepFile: async (file) =>
      void (await put(KeptFileReply, `kept/${encodeURIComponent(file.name)}`, file, PERSIST_MS)),
    readBaseArtefact,
    keepBaseArtefact: async (file) => void (await put(ArtefactReply, `base_artefacts/${file.name}`, file, PERSIST_MS)),
    ask: (question, signal) => post(ModelReply, "ask", question, { ...ANSWER, signal }),
    publishCheckpoint: async (step, checkpoint) =>
      (await post(PublishReply, `checkpoints/${step}/publish`, checkpoint, RESULT)).model,
    complete: async (completion) => (await post(CompletionReply, "complete", completion, RESULT)).model,
    fail: async (failure) => void (await post(Acknowledged, "fail", failure, WORK)),
    release: async (release) => void (await post(Acknowledged, "release", release, { retryForMs: QUICK_MS })),
  };
}

const transferMs = (bytes: number) => QUICK_MS + Math.ceil(bytes / SLOWEST);

function parseReply<S extends z.ZodType>(schema: S, bytes: Uint8Array): z.output<S> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new TrimtabError("internal_error", "the server's reply is not JSON", { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { field, problem } = wordIssue(parsed.error, json);
  throw new TrimtabError(
    "internal_error",
    `unexpected reply from the server: ${field} ${problem}; run the same version of server and trainer`,
  );
}
