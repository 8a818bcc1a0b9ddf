/** One run: a stack, a tenant that streams and writes, another that attacks, and what is left in the end. */
import { ApiClient } from "../../infra/start/api-client.ts";
import { addBase, BASE_FOLDER, BASE_ID } from "../../infra/start/demo-account.ts";
import { startStack } from "../../infra/start/stack.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { createRandom } from "../../shared/random.ts";
import { ATTACKS, type Battle } from "./attacks.ts";
import { type Count, type Kind, Ledger } from "./ledger.ts";
import { FRONT, residentMb, WORKERD } from "./memory.ts";
import { nothing, type Observed, Streams } from "./streams.ts";
import { field, Tenant } from "./tenant.ts";
import { Writer } from "./writer.ts";

export interface RunOptions {
  readonly state: string;
  readonly port: number;
  readonly minutes: number;
  readonly seed: number;
  readonly streams: number;
  /** Called with how far it is, from 0 to 1, and what goes on. */
  readonly progress: (share: number, what: string) => void;
  readonly log: (line: string) => void;
}

export interface AttackResult {
  readonly name: string;
  readonly kills: boolean;
  readonly times: number;
  readonly observed: Observed;
}

export interface RunResult {
  readonly seed: number;
  readonly seconds: number;
  readonly counts: Readonly<Record<Kind, Count>>;
  readonly lost: readonly string[];
  readonly usage: { readonly acknowledged: number; readonly charged: number };
  readonly published: { readonly jobs: number; readonly notOnce: readonly string[] };
  readonly attacks: readonly AttackResult[];
  readonly memory: Readonly<Record<string, { readonly start: number | null; readonly end: number | null }>>;
  readonly problems: readonly string[];
}

/** Milliseconds between two attacks, at most. */
const REST_MS = 1_500;
/** A server that is not back in this time is given up. */
const RECOVERY_MS = 60_000;
const JOBS = 2;

export async function runChaos(options: RunOptions): Promise<RunResult> {
  const { port, seed, progress, log } = options;
  const state = new StateFolder(options.state);
  const stack = await startStack({ state, port, log });
  const started = performance.now();
  let streams: Streams | undefined;
  try {
    const { url, secrets } = stack;
    const client = new ApiClient({ url, token: secrets.admin_token });
    await addBase(client, BASE_ID, BASE_FOLDER);
    const admin = new Tenant(url, secrets.admin_token);
    const [peaceful, attacker] = [await tenantOf(admin, url, "peaceful"), await tenantOf(admin, url, "attacker")];
    const random = createRandom(seed, "attacks");
    const ledger = new Ledger();
    const writer = new Writer({
      tenant: peaceful,
      admin,
      id: "peaceful",
      url,
      ledger,
      random: createRandom(seed, "writes"),
    });
    streams = new Streams(peaceful, options.streams);
    const recovered = () => untilHealthy(url);
    const battle: Battle = { attacker, state: state.path, writer, random, recovered };
    for (let n = 0; n < JOBS; n++) await writer.job((await writer.file()) ?? "");
    const usedBefore = { workerd: residentMb(WORKERD), front: residentMb(FRONT) };

    const problems: string[] = [];
    const seen = new Map<string, { times: number; observed: Observed }>();
    const end = started + options.minutes * 60_000;
    const total = end - performance.now();
    // Every kind once, in an order that the seed chooses, and then whatever it draws until time is up.
    const first = [...random.permutation(ATTACKS.length)].map((n) => ATTACKS[n]!);
    for (let n = 0; n < first.length || performance.now() < end; n++) {
      const attack = first[n] ?? ATTACKS[random.below(ATTACKS.length)]!;
      progress(Math.min(1, Math.max(0, 1 - (end - performance.now()) / total)), attack.name);
      for (let writes = 0; writes < 3; writes++) await writer.write();
      await new Promise((resolve) => setTimeout(resolve, random.float() * REST_MS));
      add(seen, "none", streams.take());
      const broken = await attack.run(battle);
      await streams.flowing();
      add(seen, attack.name, streams.take());
      for (const problem of broken) problems.push(`${attack.name}: ${problem}`);
    }
    progress(1, "looking for what was acknowledged");
    await streams.stop();
    add(seen, "none", streams.take());
    const { counts, lost } = await ledger.verify();
    const attacks = ["none", ...ATTACKS.map(({ name }) => name)].flatMap((name): AttackResult[] => {
      const result = seen.get(name);
      const kills = ATTACKS.find((attack) => attack.name === name)?.kills ?? false;
      return result === undefined ? [] : [{ name, kills, ...result }];
    });
    return {
      ...{ seed, seconds: (performance.now() - started) / 1000, counts, lost, attacks, problems },
      usage: { acknowledged: streams.tokens, charged: await charged(peaceful) },
      published: { jobs: counts.job.acknowledged, notOnce: await notOnce(peaceful, ledger.ids("job")) },
      memory: {
        workerd: { start: usedBefore.workerd, end: residentMb(WORKERD) },
        front: { start: usedBefore.front, end: residentMb(FRONT) },
      },
    };
  } finally {
    await streams?.stop();
    await stack.stop();
  }
}

export async function tenantOf(admin: Tenant, url: string, id: string): Promise<Tenant> {
  const limits = { requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000 };
  await admin.ask("POST", "/v1/admin/tenants", { id, ...limits });
  const made = await admin.ask("POST", `/v1/admin/tenants/${id}/keys`, {});
  const key = field(made, "key");
  if (typeof key !== "string") throw new Error(`No key of ${id}: ${made.status} ${made.text}`);
  return new Tenant(url, key);
}

function add(seen: Map<string, { times: number; observed: Observed }>, name: string, observed: Observed): void {
  const sum = seen.get(name) ?? { times: 0, observed: nothing() };
  sum.times += 1;
  sum.observed.gap = Math.max(sum.observed.gap, observed.gap);
  sum.observed.failures += observed.failures;
  for (const end of ["whole", "failed", "cut", "refused"] as const) sum.observed.ends[end] += observed.ends[end];
  seen.set(name, sum);
}

async function untilHealthy(url: string): Promise<void> {
  const late = performance.now() + RECOVERY_MS;
  while (performance.now() < late) {
    if (await answers(`${url}/healthz`)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The server is not back after ${RECOVERY_MS} ms.`);
}

async function answers(address: string): Promise<boolean> {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(5_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

async function charged(tenant: Tenant): Promise<number> {
  const days = field(await tenant.ask("GET", "/v1/usage"), "days") as { completion_tokens: number }[];
  return days.reduce((sum, day) => sum + day.completion_tokens, 0);
}

/** The jobs whose result is not exactly one delta. Their checkpoints are deltas with names of their own. */
async function notOnce(tenant: Tenant, jobs: readonly string[]): Promise<string[]> {
  const results = new Map<string, number>();
  for (let after: string | undefined; ; ) {
    const page = await tenant.ask("GET", `/v1/deltas?limit=100${after === undefined ? "" : `&after=${after}`}`);
    for (const { models } of field(page, "data") as { models: string[] }[]) {
      for (const model of models) results.set(model, (results.get(model) ?? 0) + 1);
    }
    if (field(page, "has_more") !== true) break;
    after = String(field(page, "last_id"));
  }
  const wrong: string[] = [];
  for (const job of jobs) {
    const made = field(await tenant.ask("GET", `/v1/fine_tuning/jobs/${job}`), "fine_tuned_model");
    const count = results.get(String(made)) ?? 0;
    if (count !== 1) wrong.push(`${job} (${String(made)} is ${count} deltas)`);
  }
  return wrong;
}
