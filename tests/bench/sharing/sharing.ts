/**
 * `npm run bench -- sharing`: what rows save that share their prompt, and what one tenant's queue costs another, over HTTP on a
 * stack of its own. Every round does each thing once, in turn, with prompts that nobody has asked before.
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
import { CompletionObject } from "../../../shared/api/completions.ts";
import { median } from "../median.ts";
import { showProgress } from "../progress.ts";

const BASE = "trimtab-base";
const FOLDER = join(import.meta.dirname, "../../../infra/base/model");
/** Tokens of every prompt, and how many choices or requests are made of one. */
const PROMPT = 384;
const CHOICES = 8;
const WAITING = 200;

type Kind = "one" | "choices" | "distinct" | "again" | "alone" | "behind";

const ABOUT: Readonly<Record<Kind, string>> = {
  one: "one choice of a new prompt",
  choices: `${CHOICES} choices of a new prompt, one request`,
  distinct: `${CHOICES} new prompts, one request`,
  again: "one choice of the prompt asked just before",
  alone: "one short request, nobody else there",
  behind: `one short request while another tenant has ${WAITING} waiting`,
};

interface Measured {
  readonly ms: number;
  readonly cached: number;
}

export async function benchSharing(args: readonly string[]): Promise<void> {
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
    const figures = await measure(one, other, rounds);
    process.stdout.write(args.includes("--json") ? `${JSON.stringify(figures)}\n` : `${report(figures)}\n`);
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function tenant(admin: ApiClient, url: string, id: string): Promise<ApiClient> {
  const limits = { requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000 };
  await admin.post("/v1/admin/tenants", { id, ...limits }, Tenant);
  const { key } = await admin.post(`/v1/admin/tenants/${id}/keys`, { name: "bench" }, NewKey);
  return new ApiClient({ url, token: key });
}

async function measure(one: ApiClient, other: ApiClient, rounds: number): Promise<Record<Kind, Measured[]>> {
  const figures: Record<Kind, Measured[]> = { one: [], choices: [], distinct: [], again: [], alone: [], behind: [] };
  let prompts = 0;
  const fresh = () => promptOf(prompts++);
  // The first request loads the model.
  await complete(one, { prompt: fresh() });
  for (let round = 0; round < rounds; round++) {
    showProgress(round, rounds, "rounds", "");
    const prompt = fresh();
    figures.one.push(await complete(one, { prompt }));
    figures.again.push(await complete(one, { prompt }));
    figures.choices.push(await complete(one, { prompt: fresh(), n: CHOICES }));
    figures.distinct.push(await complete(one, { prompt: Array.from({ length: CHOICES }, fresh) }));
    figures.alone.push(await complete(one, { prompt: fresh().slice(0, 8) }));
    const waiting = Array.from({ length: WAITING }, () =>
      complete(other, { prompt: fresh().slice(0, 64), max_tokens: 16 }),
    );
    // Until the queue is there.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    figures.behind.push(await complete(one, { prompt: fresh().slice(0, 8) }));
    await Promise.all(waiting);
  }
  showProgress(rounds, rounds, "rounds", "");
  return figures;
}

async function complete(client: ApiClient, fields: Readonly<Record<string, unknown>>): Promise<Measured> {
  const start = performance.now();
  const body = { model: BASE, max_tokens: 1, seed: 1, ...fields };
  const { usage } = await client.post("/v1/completions", body, z.looseObject({ usage: CompletionObject.shape.usage }));
  return { ms: performance.now() - start, cached: usage?.prompt_tokens_details.cached_tokens ?? 0 };
}

/** Token ids that differ from those of every other number at the first token already. */
function promptOf(number: number): number[] {
  return Array.from({ length: PROMPT }, (_, i) => 300 + ((number + i * 7) % 1500));
}

function report(figures: Readonly<Record<Kind, readonly Measured[]>>): string {
  const ms = (kind: Kind) => median(figures[kind].map((each) => each.ms));
  const rows = (Object.keys(ABOUT) as Kind[]).map((kind) => {
    const reference = kind === "alone" || kind === "behind" ? ms("alone") : ms("one");
    const cached = median(figures[kind].map((each) => each.cached));
    return [ABOUT[kind], ms(kind).toFixed(0), (ms(kind) / reference).toFixed(2), String(cached)];
  });
  const head = ["request", "ms", "ratio", "cached tokens"];
  return [
    table(head, rows, { right: [1, 2, 3] }),
    "",
    `prompts of ${PROMPT} tokens, one token generated; medians, from the request to the whole answer`,
    `ceiling  ${ms("one").toFixed(0)} ms: a prompt has to be prefilled once`,
  ].join("\n");
}
