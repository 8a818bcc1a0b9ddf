import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { ApiClient } from "../../../infra/start/api-client.ts";
import { addBase, demoKey } from "../../../infra/start/demo-account.ts";
import { StateFolder } from "../../../infra/start/state-folder.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trimtab-account-"));
});

afterEach(() => rmSync(root, { recursive: true }));

/** Answers each call by method and path, and records it; anything not in the table is a 404. */
async function serve(answers: Record<string, (body: string, authorization: string) => unknown>) {
  const calls: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const call = `${request.method} ${request.url}`;
    calls.push(call);
    const reply = answers[call]?.(body, request.headers.authorization ?? "") ?? refusal("not_found");
    response.writeHead(typeof reply === "object" && "error" in reply ? 400 : 200).end(JSON.stringify(reply));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, calls, admin: new ApiClient({ url, token: "admin", retryForSeconds: 0 }) };
}

function refusal(code: string) {
  return { error: { message: code, type: "invalid_request_error", param: null, code } };
}

async function baseModel(status: "pending" | "ready", uploaded: string[]) {
  const files = await Promise.all(
    Object.entries(MODEL).map(async ([name, text]) => ({
      name,
      bytes: text.length,
      sha256: await sha256Hex(new TextEncoder().encode(text)),
      uploaded: uploaded.includes(name),
    })),
  );
  return { id: "base", object: "base_model", created_at: 0, digest: "0".repeat(64), status, files };
}

const MODEL = {
  "config.json": '{"model_type":"llama"}',
  "model.safetensors": "weights",
  "tokenizer.json": "tokenizer",
  "tokenizer_config.json": "its settings",
};

/** A model's files, and one that is none of them. */
function writeFolder(changes: Readonly<Record<string, string>> = {}): void {
  for (const [name, text] of Object.entries({ ...MODEL, "notes.txt": "", ...changes })) {
    writeFileSync(join(root, name), text);
  }
}

test("announces the model's files with their digests, has the small ones checked, sends the weights, publishes", async () => {
  writeFolder();
  const announced: unknown[] = [];
  const { admin, calls } = await serve({
    "POST /v1/admin/models": (body) => {
      announced.push(JSON.parse(body));
      return pending;
    },
    "PUT /v1/admin/models/base/files/tokenizer.json": (body) => (body === "tokenizer" ? pending : undefined),
    "PUT /v1/admin/models/base/files/tokenizer_config.json": () => pending,
    "POST /v1/admin/models/base/check": () => pending,
    "PUT /v1/admin/models/base/files/model.safetensors": (body) => (body === "weights" ? pending : undefined),
    "POST /v1/admin/models/base/publish": () => ready,
  });
  const pending = await baseModel("pending", ["config.json"]);
  const ready = await baseModel("ready", Object.keys(MODEL));
  expect(await addBase(admin, "base", root)).toEqual(ready);
  expect(announced).toEqual([{ id: "base", files: pending.files.map(({ uploaded: _, ...file }) => file) }]);
  expect(calls).toEqual([
    "POST /v1/admin/models",
    "PUT /v1/admin/models/base/files/tokenizer.json",
    "PUT /v1/admin/models/base/files/tokenizer_config.json",
    "POST /v1/admin/models/base/check",
    "PUT /v1/admin/models/base/files/model.safetensors",
    "POST /v1/admin/models/base/publish",
  ]);
});

test("sends nothing of a folder that is no model, and no weights of one that the server refuses", async () => {
  const small = await baseModel("pending", ["config.json", "tokenizer.json", "tokenizer_config.json"]);
  const { admin, calls } = await serve({
    "POST /v1/admin/models": () => small,
    "POST /v1/admin/models/base/check": () => refusal("invalid_model"),
  });
  writeFolder({ "config.json": '{"model_type":"gpt2"}' });
  await expect(addBase(admin, "base", root)).rejects.toThrow("GPT-2 models (model_type gpt2) are not supported");
  expect(calls).toEqual([]);
  writeFolder();
  await expect(addBase(admin, "base", root)).rejects.toThrow("invalid_model");
  expect(calls).toEqual(["POST /v1/admin/models", "POST /v1/admin/models/base/check"]);
});

test("a base that is already there is left alone", async () => {
  writeFolder();
  const ready = await baseModel("ready", []);
  const { admin, calls } = await serve({ "POST /v1/admin/models": () => ready });
  expect(await addBase(admin, "base", root)).toEqual(ready);
  expect(calls).toEqual(["POST /v1/admin/models"]);
});

test("reports a different version of the base, left by an older checkout, and what to do", async () => {
  writeFolder();
  const { admin } = await serve({ "POST /v1/admin/models": () => refusal("conflict") });
  await expect(addBase(admin, "base", root)).rejects.toThrow(
    `The server's version of base differs from ${root}. Delete the state folder, or set TRIMTAB_STATE to another one.`,
  );
});

const MODELS = { object: "list", data: [], has_more: false, first_id: null, last_id: null };
const TENANT = {
  id: "demo",
  object: "tenant",
  created_at: 0,
  requests_per_minute: 1,
  tokens_per_minute: 1,
  max_queued_jobs: 1,
  max_running_jobs: 1,
};
const KEY = { id: "key_1", object: "key", name: "npm start", created_at: 0, hint: "cret", key: "tt_demo_secret" };

test("creates a tenant and a key, and reuses them", async () => {
  const { url, admin, calls } = await serve({
    "POST /v1/admin/tenants": () => TENANT,
    "POST /v1/admin/tenants/demo/keys": () => KEY,
    "GET /v1/models": (_, authorization) => (authorization === `Bearer ${KEY.key}` ? MODELS : undefined),
  });
  const state = new StateFolder(root);
  expect(await demoKey(admin, url, state)).toBe(KEY.key);
  expect(statSync(state.file("demo.json")).mode & 0o777).toBe(0o600);
  calls.length = 0;
  expect(await demoKey(admin, url, state)).toBe(KEY.key);
  expect(calls).toEqual(["GET /v1/models"]);
});

test("replaces a key that no longer works, and keeps the tenant", async () => {
  const { url, admin } = await serve({
    "POST /v1/admin/tenants": () => refusal("conflict"),
    "POST /v1/admin/tenants/demo/keys": () => KEY,
    "GET /v1/models": () => refusal("invalid_api_key"),
  });
  const state = new StateFolder(root);
  state.writePrivateJson("demo.json", { key: "tt_demo_old" });
  expect(await demoKey(admin, url, state)).toBe(KEY.key);
});
