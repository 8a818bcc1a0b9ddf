/**
 * `npm run bench -- scoring`: what it costs to score a prompt's tokens beside reading it, and what it costs another tenant, over HTTP
 * on a stack of its own. Every round does each thing once, in turn, with prompts that nobody has asked before.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { table } from "../../../infra/cli/table.ts";
import { ApiClient } from "../../../infra/start/api-client.ts";
import { addBase } from "../../../infra/start/demo-account.ts";
import { choosePort } from "../../../infra/start/free-port.ts";
import { startStack } from "../../../infra/start/stack.ts";
import { StateFolder } from "../../../infra/start/state-folder.ts";
import { NewKey, Tenant } from "../../../shared/api/admin.ts";
import { inTurns } from "../in-turns.ts";
import { median } from "../median.ts";

const BASE = "trimtab-base";
const FOLDER = join(import.meta.dirname, "../../../infra/base/model");
const FLOOD = 200;

interface Case {
  readonly about: string;
  readonly prompts: number;
  /** Of each prompt. */
  readonly tokens: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

const SCORED = { echo: true, logprobs: 1 };
const CASES: readonly Case[] = [
  { about: "read", prompts: 8, tokens: 500, fields: {} },
  { about: "scored, 1 alternative", prompts: 8, tokens: 500, fields: SCORED },
  { about: "scored, 20 alternatives", prompts: 8, tokens: 500, fields: { prompt_logprobs: 20 } },
  { about: "read, short", prompts: 64, tokens: 24, fields: {} },
  { about: "scored, short", prompts: 64, tokens: 24, fields: SCORED },
];

/** The milliseconds between tokens of one tenant's stream: alone, and while another tenant's prompts are read. */
interface Gaps {
  readonly about: string;
  readonly gaps: readonly number[];
}

interface Figures {
  readonly cases: readonly { readonly about: string; readonly tokensPerSecond: number }[];
  readonly gaps: readonly Gaps[];
}

interface Client {
  readonly api: ApiClient;
  readonly key: string;
}

export async function benchScoring(args: readonly string[]): Promise<void> {
  const rounds = Number(args[args.indexOf("--rounds") + 1] || 5);
  const folder = mkdtempSync(join(tmpdir(), "trimtab-bench-"));
  const stack = await startStack({
    state: new StateFolder(folder),
    port: await choosePort(undefined),
    log: () => {},
  });
  try {
    const admin = new ApiClient({ url: stack.url, token: stack.secrets.admin_token });
    await addBase(admin, BASE, FOLDER);
    const [one, other] = [await tenant(admin, stack.url, "one"), await tenant(admin, stack.url, "other")];
    await complete(one, { about: "", prompts: 1, tokens: 40, fields: {} });
    const taken = await inTurns(
      CASES,
      rounds,
      async () => {},
      (each) => complete(one, each),
    );
    const cases = CASES.map(({ about, prompts, tokens }, i) => {
      return { about, tokensPerSecond: (1000 * prompts * tokens) / median(taken[i]!) };
    });
    const gaps = await neighbour(one, other, stack.url);
    const figures: Figures = { cases, gaps };
    process.stdout.write(args.includes("--json") ? `${JSON.stringify(figures)}\n` : `${report(figures)}\n`);
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function tenant(admin: ApiClient, url: string, id: string): Promise<Client> {
  const limits = { requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000 };
  await admin.post("/v1/admin/tenants", { id, ...limits }, Tenant);
  const { key } = await admin.post(`/v1/admin/tenants/${id}/keys`, { name: "bench" }, NewKey);
  return { api: new ApiClient({ url, token: key }), key };
}

let asked = 0;
/** Token ids that differ from those of every other prompt at the first tokens already. */
function fresh(tokens: number): number[] {
  const number = asked++;
  const own = [300 + (number % 1500), 300 + (Math.floor(number / 1500) % 1500)];
  return Array.from({ length: tokens }, (_, i) => own[i] ?? 300 + ((number + i * 7) % 1500));
}

/** The milliseconds from the request to the whole answer. */
async function complete({ api }: Client, { prompts, tokens, fields }: Case): Promise<number> {
  const prompt = Array.from({ length: prompts }, () => fresh(tokens));
  const start = performance.now();
  await api.post("/v1/completions", { model: BASE, prompt, max_tokens: 0, ...fields }, z.looseObject({}));
  return performance.now() - start;
}

/** A stream of one tenant beside the prompts of another, which come in batches of 50. */
async function neighbour(one: Client, other: Client, url: string): Promise<Gaps[]> {
  const flood = async (fields: Case["fields"]) => {
    const each = { about: "", prompts: 50, tokens: 96, fields };
    await Promise.all(Array.from({ length: FLOOD / each.prompts }, () => complete(other, each)));
  };
  const alone = await gapsOf(one, url, Promise.resolve());
  const read = await gapsOf(one, url, flood({}));
  const scored = await gapsOf(one, url, flood(SCORED));
  return [
    { about: "alone", gaps: alone },
    { about: `while ${FLOOD} prompts are read`, gaps: read },
    { about: `while ${FLOOD} prompts are scored`, gaps: scored },
  ];
}

/** The milliseconds between the tokens of streams, one after another until `busy` settles. */
async function gapsOf({ key }: Client, url: string, busy: Promise<unknown>): Promise<number[]> {
  let isBusy = true;
  const settled = busy.finally(() => {
    isBusy = false;
  });
  const gaps: number[] = [];
  do {
    const body = { model: BASE, prompt: fresh(8), max_tokens: 200, ignore_eos: true, temperature: 0, stream: true };
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const response = await fetch(`${url}/v1/completions`, { method: "POST", headers, body: JSON.stringify(body) });
    let last: number | undefined;
    for await (const _ of response.body!) {
      const now = performance.now();
      if (last !== undefined) gaps.push(now - last);
      last = now;
    }
  } while (isBusy);
  await settled;
  return gaps;
}

function report({ cases, gaps }: Figures): string {
  const ceiling = (about: string) =>
    cases.find((each) => each.about === (about.includes("short") ? "read, short" : "read"))!;
  const rows = cases.map(({ about, tokensPerSecond }) => {
    return [about, tokensPerSecond.toFixed(0), (tokensPerSecond / ceiling(about).tokensPerSecond).toFixed(2)];
  });
  const times = gaps.map(({ about, gaps: all }) => {
    const sorted = [...all].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(1);
    return [about, String(all.length), at(0.5), at(0.99), at(1)];
  });
  return [
    table(["prompts", "tokens/s", "ratio"], rows, { right: [1, 2] }),
    "",
    table(["a stream's gaps in ms", "tokens", "median", "99 %", "largest"], times, { right: [1, 2, 3, 4] }),
  ].join("\n");
}
