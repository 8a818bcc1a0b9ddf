import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Lease } from "../../../shared/api/trainer.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { createJobClient, type JobClient, requestLease } from "../../../trainer/service/client.ts";
import { createSend, type HttpRequest, type Send } from "../../../trainer/service/http.ts";
import { type FakeServer, startFakeServer } from "./fake-server.ts";
import { quickEffects, tinyJob } from "./tiny-job.ts";

const TRACING = `tracing.${"0".repeat(32)}.json`;

let server: FakeServer;
let send: Send;
let lease: Lease;
let client: JobClient;
const never = new AbortController().signal;
const ask = () => requestLease(send, { trainer: "t1", executors: ["onnxruntime"] }, never);

beforeEach(async () => {
  server = await startFakeServer(tinyJob);
  send = createSend(server.url, server.token, quickEffects);
  server.offer();
  lease = (await ask())!;
  client = createJobClient(send, lease);
});
afterEach(() => server.close());

describe("requestLease", () => {
  it("returns the lease, or undefined if there is nothing to do", async () => {
    expect(lease).toMatchObject({ job: "ftjob-1", fence: 1, attempt: 1, checkpoint: null });
    expect(await ask()).toBeUndefined();
  });

  it("does not retry, because the caller asks again anyway", async () => {
    server.fault = () => ({ status: 500 });
    await expect(ask()).rejects.toMatchObject({ code: "internal_error" });
    expect(server.requests.filter((line) => line.endsWith("/leases"))).toHaveLength(2);
  });

  it("reports a server of another version", async () => {
    const old: Send = async () => ({ status: 200, bytes: new TextEncoder().encode('{"job":1}') });
    await expect(requestLease(old, { trainer: "t", executors: ["onnxruntime"] }, never)).rejects.toThrow(
      /unexpected reply from the server: job must be a string; run the same version of server and trainer/,
    );
    const page: Send = async () => ({ status: 200, bytes: new TextEncoder().encode("<html>") });
    await expect(requestLease(page, { trainer: "t", executors: ["onnxruntime"] }, never)).rejects.toThrow("not JSON");
  });
});

describe("createJobClient", () => {
  it("makes every call of the protocol", async () => {
    expect(await client.heartbeat({ step: 1 })).toEqual({ cancel: false, pause: false, lease_seconds: 30 });
    await client.events({ events: [{ seq: 0, level: "info", message: "m", type: "message", data: null }] });
    const bytes = Uint8Array.of(1, 2, 3);
    await client.saveCheckpoint(5, bytes);
    const file = { name: "manifest.json", bytes, sha256: await sha256Hex(bytes) };
    await client.uploadFile({ kind: "delta", digest: "d" }, file);
    await client.uploadFile({ kind: "delta", digest: "d" }, file);
    await client.uploadFile({ kind: "delta", digest: "d" }, { ...file, name: "0-lora/adapter_config.json" });
    const result = { kind: "delta" as const, digest: "d".repeat(64), files: [] };
    expect(await client.publishCheckpoint(5, { result, metrics: {} })).toBe("ft:tiny:demo::x:ckpt-step-5");
    expect(await client.complete({ result, metrics: { loss: 1 }, trained_tokens: 9 })).toBe("ft:tiny:demo::x");
    await client.fail({ error: { code: "invalid_dataset", message: "m", param: null } });
    await client.release({ reason: "paused" });
    expect(server).toMatchObject({
      events: [{ message: "m" }],
      state: { step: 5, bytes },
      completions: [{ trained_tokens: 9 }],
      failures: [{ error: { code: "invalid_dataset" } }],
      releases: ["paused"],
    });
    expect([...server.artefacts.keys()]).toEqual(["delta/d/manifest.json", "delta/d/0-lora%2Fadapter_config.json"]);
  });

  it("retries calls that carry work, but not heartbeats", async () => {
    server.fault = (line, count) => {
      if (line.endsWith("/heartbeat")) return "reset";
      return count <= 2 ? (["reset", { status: 503, code: "capacity_exceeded" }] as const)[count - 1] : undefined;
    };
    await client.events({ events: [{ seq: 0, level: "info", message: "m", type: "message", data: null }] });
    await client.saveCheckpoint(1, Uint8Array.of(1));
    expect(server.requests.filter((line) => line.endsWith("/checkpoints/1"))).toHaveLength(3);
    await expect(client.heartbeat({})).rejects.toMatchObject({ code: "capacity_exceeded" });
    expect(server.requests.filter((line) => line.endsWith("/heartbeat"))).toHaveLength(1);
  });

  it("gives a question more time to be asked again than to be answered, and waits for limits", async () => {
    const requests: HttpRequest[] = [];
    const usage = { prompt_tokens: 3, completion_tokens: 1, cached_tokens: 0, total_tokens: 4 };
    const answered = createJobClient(async (request) => {
      requests.push(request);
      return { status: 200, bytes: new TextEncoder().encode(JSON.stringify({ text: "4", usage })) };
    }, lease);
    const question = { model: "m", messages: [], sampling: { temperature: 0 }, at: "grader" };
    expect(await answered.ask(question, never)).toEqual({ text: "4", usage });
    const [{ timeoutMs, retryForMs, limitedForMs, signal }] = requests as [HttpRequest];
    expect(retryForMs).toBeGreaterThan(2 * timeoutMs);
    // A bucket that was overdrawn by some minutes' tokens.
    expect(limitedForMs).toBeGreaterThanOrEqual(600_000);
    expect(signal).toBe(never);
  });

  it("reads what is kept beside the base, and nothing where there is nothing", async () => {
    expect(await client.readBaseArtefact(TRACING, never)).toBeUndefined();
    for (const text of ["first", "second"]) {
      const bytes = new TextEncoder().encode(text);
      await client.keepBaseArtefact({ name: TRACING, bytes, sha256: await sha256Hex(bytes) });
    }
    expect(new TextDecoder().decode(await client.readBaseArtefact(TRACING, never))).toBe("first");
    await expect(client.readBaseArtefact("config.json", never)).rejects.toMatchObject({ param: "name" });
    server.fault = () => ({ status: 404, code: "not_found" });
    await expect(client.readBaseArtefact(TRACING, never)).rejects.toMatchObject({ code: "not_found" });
  });

  it("learns that its lease is stale", async () => {
    server.offer();
    await ask();
    await expect(client.saveCheckpoint(1, Uint8Array.of(1))).rejects.toMatchObject({ code: "stale_lease" });
  });
});

describe("download", () => {
  it("returns the bytes that match the lease's digest", async () => {
    const bytes = await client.download(lease.training_file, never);
    expect(new TextDecoder().decode(bytes)).toBe(tinyJob.training);
  });

  it("rejects other bytes after three attempts, naming the file", async () => {
    const lying = { ...lease.training_file, sha256: "0".repeat(64) };
    await expect(client.download(lying, never)).rejects.toMatchObject({
      code: "corrupt_blob",
      message:
        "The stored file file-train.jsonl does not match what was uploaded. Upload it again and start a new job.",
    });
    expect(server.requests.filter((line) => line.endsWith("/file-train"))).toHaveLength(3);
  });

  it("reads no more than the lease announced", async () => {
    const short = { ...lease.training_file, bytes: 10 };
    await expect(client.download(short, never)).rejects.toMatchObject({ code: "payload_too_large" });
  });

  it("aborts when the job is stopped", async () => {
    server.fault = () => "hang";
    const stop = new AbortController();
    const download = client.download(lease.training_file, stop.signal);
    await delay(20);
    stop.abort("cancelled");
    await expect(download).rejects.toBe("cancelled");
  });
});
