/**
 * `npm run soak -- --minutes 20 --streams 8 --uploads 5000 --out docs/operations`: the memory of a stack under streams, then under uploads
 * of small adapters. Writes `memory.json` and two plots.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ApiClient } from "../../infra/start/api-client.ts";
import { addBase, BASE_FOLDER, BASE_ID } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { startStack } from "../../infra/start/stack.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { drawLines } from "../../shared/plot/lines.ts";
import { adapterArchive } from "./adapter.ts";
import { FRONT, residentMb, WORKERD } from "./memory.ts";
import { tenantOf } from "./run.ts";
import { MODEL, Streams } from "./streams.ts";
import { Tenant } from "./tenant.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "20" },
    streams: { type: "string", default: "8" },
    uploads: { type: "string", default: "5000" },
    port: { type: "string", default: "0" },
    out: { type: "string", default: "docs/operations" },
  },
});
const [minutes, count, uploads] = [Number(values.minutes), Number(values.streams), Number(values.uploads)];
if (!(minutes > 0) || !Number.isInteger(count) || count < 1 || !Number.isInteger(uploads) || uploads < 1) {
  throw new Error("--minutes is above 0; --streams and --uploads are whole numbers above 0.");
}

interface Sample {
  /** Minutes, or uploads. */
  readonly x: number;
  readonly workerd: number | null;
  readonly front: number | null;
}

const sample = (x: number): Sample => ({ x, workerd: residentMb(WORKERD), front: residentMb(FRONT) });
const SAMPLES = 60;
const log = (line: string): void => void process.stderr.write(`${line}\n`);

async function underStreams(tenant: Tenant): Promise<Sample[]> {
  const streams = new Streams(tenant, count);
  const started = performance.now();
  const samples: Sample[] = [];
  for (let n = 0; n <= SAMPLES; n++) {
    const due = started + (n * minutes * 60_000) / SAMPLES;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    samples.push(sample((performance.now() - started) / 60_000));
    log(`streams: ${JSON.stringify(samples.at(-1))}`);
  }
  await streams.stop();
  return samples;
}

async function underUploads(tenant: Tenant): Promise<Sample[]> {
  const samples = [sample(0)];
  for (let n = 1; n <= uploads; n++) {
    const form = new FormData();
    form.append("model", MODEL);
    form.append("file", new Blob([adapterArchive(n)]), "adapter.zip");
    const { status, text } = await tenant.call("POST", "/v1/deltas", form);
    if (status !== 200) throw new Error(`Upload ${n} was answered ${status} ${text.slice(0, 200)}`);
    if (n % Math.ceil(uploads / SAMPLES) !== 0 && n !== uploads) continue;
    samples.push(sample(n));
    log(`uploads: ${JSON.stringify(samples.at(-1))}`);
  }
  return samples;
}

function plot(name: string, axis: string, samples: readonly Sample[]): void {
  const line = (process: "workerd" | "front") => ({
    name: process,
    points: samples.map((one) => ({ x: one.x, y: one[process] })),
  });
  const svg = drawLines({
    ...{ id: name, title: `Resident memory, ${axis}`, description: `Megabytes of each process over ${axis}.` },
    ...{
      x: { title: axis, covers: [0] },
      y: { title: "MB", covers: [0] },
      lines: [line("workerd"), line("front")],
      ends: true,
    },
  });
  writeFileSync(join(values.out, `${name}.svg`), svg);
}

const folder = mkdtempSync(join(tmpdir(), "trimtab-soak-"));
try {
  process.env.TRIMTAB_TRAINER = "none";
  const stack = await startStack({ state: new StateFolder(folder), port: await choosePort(values.port), log });
  try {
    await addBase(new ApiClient({ url: stack.url, token: stack.secrets.admin_token }), BASE_ID, BASE_FOLDER);
    const tenant = await tenantOf(new Tenant(stack.url, stack.secrets.admin_token), stack.url, "soak");
    mkdirSync(values.out, { recursive: true });
    const streams = await underStreams(tenant);
    plot("memory-streams", `minutes of ${count} streams`, streams);
    const uploaded = await underUploads(tenant);
    plot("memory-uploads", "uploads", uploaded);
    writeFileSync(join(values.out, "memory.json"), `${JSON.stringify({ streams, uploads: uploaded }, null, 1)}\n`);
  } finally {
    await stack.stop();
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}
