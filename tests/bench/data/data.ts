/**
 * `npm run bench -- data [--lines N] [--api]`: what looking at a large dataset takes, on one core, and how many of the copies that
 * were planted in it are found; with `--api`, over HTTP on a stack of its own, and what another tenant's request waits meanwhile.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { inspectData } from "../../../infra/cli/data/inspect.ts";
import { table } from "../../../infra/cli/table.ts";
import { ApiClient } from "../../../infra/start/api-client.ts";
import { choosePort } from "../../../infra/start/free-port.ts";
import { startStack } from "../../../infra/start/stack.ts";
import { StateFolder } from "../../../infra/start/state-folder.ts";
import { NewKey, Tenant } from "../../../shared/api/admin.ts";
import { DatasetInspection } from "../../../shared/api/datasets.ts";
import { NearCopyIndex } from "../../../shared/data/inspect/near/near-copies.ts";
import { peakMemory, thisMachine } from "../machine.ts";
import { keepResult } from "../results.ts";
import { type PlantedFile, plantedFile, similarityOf } from "./planted.ts";

const THRESHOLD = 0.7;
const MEBIBYTE = 2 ** 20;

export async function benchData(args: readonly string[]): Promise<void> {
  const count = Number(args.includes("--lines") ? args[args.indexOf("--lines") + 1] : 100_000);
  const planted = plantedFile(count);
  const folder = mkdtempSync(join(tmpdir(), "trimtab-bench-"));
  try {
    const path = join(folder, "planted.jsonl");
    writeFileSync(path, planted.lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const figures = {
      machine: thisMachine(),
      lines: count,
      megabytes: planted.texts.reduce((sum, { length }) => sum + length, 0) / 1e6,
      near: await copies(planted),
      inspect: await inspected(path),
      ...(args.includes("--api") ? { api: await overHttp(folder, planted) } : {}),
    };
    if (args.includes("--write")) keepResult("data.json", figures);
    process.stdout.write(args.includes("--json") ? `${JSON.stringify(figures, null, 2)}\n` : `${report(figures)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Figures = Awaited<ReturnType<typeof copies>>;

/** Near copies alone: seconds, and recall and precision against exact similarity. */
async function copies({ texts, pairs }: PlantedFile) {
  const started = process.cpuUsage();
  const index = new NearCopyIndex({ similarity: THRESHOLD, maxBytes: 1e9 });
  for (const [at, text] of texts.entries()) index.add(at, text);
  let last = performance.now();
  let longest = 0;
  const found = await index.find(async () => {
    longest = Math.max(longest, performance.now() - last);
    await new Promise((resume) => setImmediate(resume));
    last = performance.now();
  });
  const { user, system } = process.cpuUsage(started);
  const clusterOf = new Map(found.clusters.flatMap((lines, cluster) => lines.map((line) => [line, cluster] as const)));
  const alike = pairs.filter(({ similarity }) => similarity >= THRESHOLD);
  const together = alike.filter(({ earlier, later }) => {
    const cluster = clusterOf.get(earlier - 1);
    return cluster !== undefined && cluster === clusterOf.get(later - 1);
  });
  const right = found.pairs.filter(({ id, other }) => similarityOf(texts[id]!, texts[other]!) >= THRESHOLD);
  return {
    cpu_seconds: (user + system) / 1e6,
    longest_stretch_ms: longest,
    planted_pairs: alike.length,
    recall: together.length / alike.length,
    reported_pairs: found.pairs.length,
    precision: right.length / found.pairs.length,
  };
}

/** The whole inspection of `trimtab data inspect`, without a model and with the embedded base's tokenizer. */
async function inspected(path: string) {
  const options = { similarity: THRESHOLD, examples: 20, json: true };
  const effects = { env: {}, now: () => Date.now() };
  const run = async (model: string | undefined) => {
    const started = process.cpuUsage();
    const from = performance.now();
    await inspectData([path], { ...options, model }, effects);
    const { user, system } = process.cpuUsage(started);
    return { seconds: (performance.now() - from) / 1000, cpu_seconds: (user + system) / 1e6 };
  };
  const bare = await run(undefined);
  const memory = peakMemory() / MEBIBYTE;
  const base = join(import.meta.dirname, "../../../infra/base/model");
  return { bare, peak_mebibytes: memory, with_tokens: await run(base) };
}

/** The same over HTTP, and how long another tenant's smallest request takes alone and meanwhile. */
async function overHttp(folder: string, { lines }: PlantedFile) {
  const stack = await startStack({
    state: new StateFolder(join(folder, "state")),
    port: await choosePort(undefined),
    log: () => {},
  });
  try {
    const admin = new ApiClient({ url: stack.url, token: stack.secrets.admin_token });
    const [one, other] = [await tenant(admin, stack.url, "one"), await tenant(admin, stack.url, "other")];
    const bytes = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const { id } = await one.upload("/v1/files", "planted.jsonl", bytes, z.looseObject({ id: z.string() }));
    const alone = await waits(other, 50);
    const started = performance.now();
    let done = false;
    const inspection = one.post("/v1/datasets/inspect", { file: id }, DatasetInspection).finally(() => {
      done = true;
    });
    const meanwhile: number[] = [];
    while (!done) meanwhile.push(...(await waits(other, 1)));
    const { duplicates } = await inspection;
    return {
      seconds: (performance.now() - started) / 1000,
      compared_lines: duplicates.near.compared_lines,
      complete: duplicates.complete,
      other_tenant_ms: { alone: figuresOf(alone), meanwhile: figuresOf(meanwhile) },
    };
  } finally {
    await stack.stop();
  }
}

async function tenant(admin: ApiClient, url: string, id: string): Promise<ApiClient> {
  const limits = { requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000 };
  await admin.post("/v1/admin/tenants", { id, ...limits }, Tenant);
  const { key } = await admin.post(`/v1/admin/tenants/${id}/keys`, { name: "bench" }, NewKey);
  return new ApiClient({ url, token: key, retryForSeconds: 600 });
}

async function waits(client: ApiClient, times: number): Promise<number[]> {
  const found: number[] = [];
  for (let time = 0; time < times; time++) {
    const started = performance.now();
    await client.get("/v1/files?limit=1", z.looseObject({}));
    found.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return found;
}

function figuresOf(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}

interface Report {
  readonly lines: number;
  readonly megabytes: number;
  readonly near: Figures;
  readonly inspect: Awaited<ReturnType<typeof inspected>>;
  readonly api?: Awaited<ReturnType<typeof overHttp>>;
}

function report({ lines, megabytes, near, inspect, api }: Report): string {
  const seconds = (value: number) => `${value.toFixed(1)} s`;
  const rows = [
    ["near copies alone", `${seconds(near.cpu_seconds)} of a core`],
    ["  recall, of planted copies", `${(100 * near.recall).toFixed(2)} %`],
    ["  precision, of reported pairs", `${(100 * near.precision).toFixed(2)} %`],
    ["whole inspection", `${seconds(inspect.bare.seconds)} (${seconds(inspect.bare.cpu_seconds)} of a core)`],
    ["  peak memory", `${inspect.peak_mebibytes.toFixed(0)} MiB`],
    [
      "  with tokens of all lines",
      `${seconds(inspect.with_tokens.seconds)} (${seconds(inspect.with_tokens.cpu_seconds)} of a core)`,
    ],
    ...(api === undefined
      ? []
      : [
          ["over HTTP", `${seconds(api.seconds)} (${api.compared_lines.toLocaleString("en")} lines compared)`],
          ["  another tenant's request, alone", milliseconds(api.other_tenant_ms.alone)],
          ["  and meanwhile", milliseconds(api.other_tenant_ms.meanwhile)],
        ]),
  ];
  return table([`${lines.toLocaleString("en")} lines, ${megabytes.toFixed(0)} MB`, ""], rows);
}

const milliseconds = ({ p50, p95, max }: ReturnType<typeof figuresOf>) =>
  `p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, longest ${max.toFixed(0)} ms`;
