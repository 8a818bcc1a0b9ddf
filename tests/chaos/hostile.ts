/** Requests that are wrong or as heavy as they may be. None may be answered by a failure of the server's own. */
import { MODEL } from "./streams.ts";
import type { Tenant } from "./tenant.ts";

type Sent = readonly [method: string, path: string, body?: string | object | FormData];

const chat = (fields: object): Sent => [
  ...(["POST", "/v1/chat/completions"] as const),
  { model: MODEL, max_tokens: 1, messages: [{ role: "user", content: "Hi" }], ...fields },
];

function upload(path: string, bytes: Uint8Array<ArrayBuffer>, fields: Readonly<Record<string, string>>): Sent {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", new Blob([bytes]), "hostile.bin");
  return ["POST", path, form];
}

export const HOSTILE: readonly (() => Sent)[] = [
  () => ["POST", "/v1/chat/completions", "[".repeat(500_000)],
  () => ["POST", "/v1/chat/completions", `{"model":"${"x".repeat(900_000)}"}`],
  () => chat({ messages: Array.from({ length: 1001 }, () => ({ role: "user", content: "a" })) }),
  () => chat({ messages: [{ role: "user", content: "a ".repeat(400_000) }] }),
  () => chat({ steering: { rules: { pattern: "(a|b)*a(a|b){12}" } } }),
  () => chat({ logit_bias: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [i, 1])) }),
  () => chat({ response_format: { type: "json_schema", json_schema: { name: "x", schema: { $ref: "#" } } } }),
  () => upload("/v1/files", new Uint8Array(4 << 20).fill(0x7b), { purpose: "fine-tune" }),
  () => upload("/v1/files", new Uint8Array(4 << 20).fill(0x0a), { purpose: "fine-tune" }),
  () => upload("/v1/deltas", new Uint8Array(4 << 20), { model: MODEL }),
  () => ["GET", "/v1/files?limit=1e9"],
  () => ["GET", `/v1/deltas?after=${"%00".repeat(50)}`],
  () => ["POST", "/v1/fine_tuning/jobs", { model: MODEL, training_file: "file-none" }],
];

/** Sends each of them; what failed on the server's side, or did not end in time. */
export async function sendHostile(tenant: Tenant): Promise<string[]> {
  const failed: string[] = [];
  for (const make of HOSTILE) {
    const [method, path, body] = make();
    const { status } = await tenant.call(method, path, body);
    if (status >= 500) failed.push(`${method} ${path.slice(0, 40)} answered ${status}`);
  }
  return failed;
}
