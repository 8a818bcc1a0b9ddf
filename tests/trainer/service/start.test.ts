import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { settingsOf } from "../../support/peft.ts";
import { tinyDataset, tinyModel } from "../tiny-model.ts";
import { type FakeJob, type FakeServer, startFakeServer } from "./fake-server.ts";
import { tinyJob } from "./tiny-job.ts";

vi.setConfig({ testTimeout: 240_000 });

const root = join(import.meta.dirname, "../../..");
const state = mkdtempSync(join(tmpdir(), "trimtab-trainer-"));
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
});
afterAll(() => rmSync(state, { recursive: true }));

const job: FakeJob = {
  base: Object.fromEntries(tinyModel()),
  training: tinyDataset(12),
  validation: tinyDataset(3, 2),
  method: {
    type: "supervised",
    supervised: {
      hyperparameters: {
        ...tinyJob.method.supervised.hyperparameters,
        n_epochs: 2,
        batch_size: 4,
        learning_rate: 0.01,
        checkpoint_steps: 1,
      },
      peft: settingsOf({ type: "lora", r: 4, lora_alpha: 8, lora_dropout: 0.1 }),
    },
  },
};

function startTrainer(server: FakeServer) {
  const child = spawn(process.execPath, [join(root, "trainer/main.ts")], {
    env: {
      PATH: process.env.PATH,
      TRIMTAB_URL: server.url.href,
      TRAINER_TOKEN: server.token,
      TRIMTAB_THREADS: "1",
      TRIMTAB_STATE: state,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.push(child);
  let log = "";
  child.stderr!.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = once(child, "exit").then(([code, signal]) => ({ code, signal, log }));
  return { child, ended };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(20);
}

const digests = async (server: FakeServer) =>
  Promise.all([...server.artefacts].sort().map(async ([path, bytes]) => [path, await sha256Hex(bytes)]));

it("ends with the same bytes after one trainer is killed while saving and the next is asked to stop", async () => {
  const calm = await startFakeServer(job);
  calm.offer();
  const only = startTrainer(calm);
  await until(() => calm.completions.length > 0);
  only.child.kill("SIGTERM");
  expect(await only.ended).toMatchObject({ code: 0, signal: null });

  const rough = await startFakeServer(job);
  rough.fault = (line) => (line === "PUT /v1/trainer/jobs/ftjob-1/checkpoints/2" ? "hang" : undefined);
  rough.offer();
  const killed = startTrainer(rough);
  await until(() => rough.requests.some((line) => line.endsWith("/checkpoints/2")));
  killed.child.kill("SIGKILL");
  await killed.ended;
  expect(rough.state?.step).toBe(1);

  rough.offer();
  const asked = startTrainer(rough);
  rough.fault = (line) => {
    if (line.endsWith("/checkpoints/3")) asked.child.kill("SIGTERM");
    return undefined;
  };
  expect(await asked.ended).toMatchObject({ code: 0, log: expect.stringContaining("stopped: shutdown") });
  expect(rough.releases).toEqual(["shutdown"]);

  rough.fault = () => undefined;
  rough.offer();
  const last = startTrainer(rough);
  await until(() => rough.completions.length > 0);
  expect(rough.requests.filter((line) => line.endsWith("/base/model.safetensors"))).toEqual([]);
  expect(await digests(rough)).toEqual(await digests(calm));
  const { train_tokens_per_second: _, ...metrics } = rough.completions[0]!.metrics;
  expect(calm.completions[0]!.metrics).toMatchObject(metrics);
  last.child.kill("SIGKILL");
  await Promise.all([calm.close(), rough.close()]);
});

it("names the missing variable and exits", async () => {
  const child = spawn(process.execPath, [join(root, "trainer/main.ts")], { env: { PATH: process.env.PATH } });
  children.push(child);
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  expect(await once(child, "exit")).toEqual([1, null]);
  expect(log).toContain("The environment variable TRIMTAB_URL must be the server's http(s) address");
});
