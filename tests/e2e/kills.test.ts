/** What is left of requests whose server is killed under them: a whole stack, and SIGKILL. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ApiClient } from "../../infra/start/api-client.ts";
import { demoKey } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { processesOf } from "../support/processes.ts";
import { RawClient } from "../support/raw-http.ts";
import { type Program, run, untilHealthy } from "./programs.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

let state: string;
let serve: Program;
let port: number;
let url: string;
let key: string;

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "trimtab-kills-"));
  port = await choosePort("0");
  url = `http://127.0.0.1:${port}`;
  serve = run("npm", ["run", "serve", "--silent"], {
    ...{ PORT: String(port), TRIMTAB_STATE: state, TRIMTAB_TRAINER: "none" },
  });
  await untilHealthy(url);
  const folder = new StateFolder(state);
  key = await demoKey(new ApiClient({ url, token: folder.secrets().admin_token }), url, folder);
});

afterAll(async () => {
  serve.child.kill("SIGTERM");
  await serve.ended;
  rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

/** Kills workerd, and waits until another one answers. */
async function kill(): Promise<void> {
  const before = processesOf(serve.child.pid, /workerd.* serve /);
  expect(before).not.toEqual([]);
  for (const pid of before) process.kill(pid, "SIGKILL");
  await vi.waitFor(() => expect(processesOf(serve.child.pid, /workerd.* serve /)).not.toEqual(before), {
    ...{ timeout: 60_000, interval: 50 },
  });
  await untilHealthy(url);
}

function upload(name: string, text = '{"prompt": "a", "completion": "b"}\n'): Promise<Response> {
  const body = new FormData();
  body.set("purpose", "fine-tune");
  body.set("file", new Blob([text]), "data.jsonl");
  const headers = { authorization: `Bearer ${key}`, "idempotency-key": name };
  return fetch(`${url}/v1/files`, { method: "POST", headers, body });
}

test("a killed upload leaves its key free at once, and the same upload then makes one file", async () => {
  const lines = [
    ...["POST /v1/files HTTP/1.1", "host: a.test", `authorization: Bearer ${key}`, "idempotency-key: killed"],
    ...["content-type: multipart/form-data; boundary=x", "content-length: 100000"],
  ];
  const part = '--x\r\ncontent-disposition: form-data; name="file"; filename="data.jsonl"\r\n\r\n{"prompt": ';
  // Neither body ends. One of the two has the key, and the other is refused because of that.
  const both = [1, 2].map(() => new RawClient(port).send(`${lines.join("\r\n")}\r\n\r\n${part}`));
  expect((await Promise.race(both.map((client) => client.reply(60_000))))?.status).toBe(409);
  await kill();
  for (const client of both) client.close();
  const again = await upload("killed");
  expect(again.status, await again.clone().text()).toBe(200);
  const { id } = (await again.json()) as { readonly id: string };
  const replayed = await upload("killed");
  expect([replayed.status, replayed.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
  expect(await replayed.json()).toMatchObject({ id });
  const files = await fetch(`${url}/v1/files`, { headers: { authorization: `Bearer ${key}` } });
  expect(((await files.json()) as { data: unknown[] }).data).toHaveLength(1);
});
