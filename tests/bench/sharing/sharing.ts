/**
 * `npm run bench -- sharing`: what rows save that share their prompt, and what floods of other tenants cost a neighbour, over HTTP on
 * a stack of its own. Every round does each thing once, in turn, with prompts that nobody has asked before. `--floods` measures the
 * floods alone.
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
import { CompletionObject } from "../../../shared/api/completions.ts";
import { median } from "../median.ts";
import { showProgress } from "../progress.ts";
import { client, type FloodFigures, measureFloods, placeInQueue } from "./floods.ts";

const BASE = "trimtab-base";
const FOLDER = join(import.meta.dirname, "../../../infra/base/model");
/** Tokens of every prompt, and how many choices or requests are made of one. */
const PROMPT = 384;
const CHOICES = 8;

type Kind = "one" | "choices" | "distinct" | "again";

const ABOUT: Readonly<Record<Kind, string>> = {
  one: "one choice of a new prompt",
  choices: `${CHOICES} choices of a new prompt, one request`,
  distinct: `${CHOICES} new prompts, one request`,
  again: "one choice of the prompt asked just before",
};

interface Measured {
  readonly ms: number;
  readonly cached: number;
}

export async function benchSharing(args: readonly string[]): Promise<void> {
  const rounds = Number(args[args.indexOf("--rounds") + 1] || 5);
  // A trainer would take the jobs whose place in the queue is measured.
  process.env.TRIMTAB_TRAINER = "none";
  const folder = mkdtempSync(join(tmpdir(), "trimtab-bench-"));
  const stack = await startStack({
    state: new StateFolder(folder),
    port: await choosePort(undefined),
    log: () => {},
  });
  try {
    const admin = new ApiClient({ url: stack.url, token: stack.secrets.admin_token });
    await addBase(admin, BASE, FOLDER);
    const neighbour = await client(admin, stack.url, "one");
    const others = [await client(admin, stack.url, "other"), await client(admin, stack.url, "third")];
    const figures = args.includes("--floods") ? undefined : await measure(neighbour.api, rounds);
    const options = { model: BASE, neighbour, others, rounds, prompt: promptOf };
    const floods = await measureFloods(options);
    const trainer = new ApiClient({ url: stack.url, token: stack.secrets.trainer_token });
    const queue = await placeInQueue(options, trainer);
    const shown = [...(figures === undefined ? [] : [report(figures)]), reportFloods(floods, queue)].join("\n\n");
    process.stdout.write(args.includes("--json") ? `${JSON.stringify({ figures, floods, queue })}\n` : `${shown}\n`);
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(one: ApiClient, rounds: number): Promise<Record<Kind, Measured[]>> {
  const figures: Record<Kind, Measured[]> = { one: [], choices: [], distinct: [], again: [] };
  const fresh = () => promptOf(PROMPT);
  // The first request loads the model.
  await complete(one, { prompt: fresh() });
  for (let round = 0; round < rounds; round++) {
    showProgress(round, rounds, "rounds", "");
    const prompt = fresh();
    figures.one.push(await complete(one, { prompt }));
    figures.again.push(await complete(one, { prompt }));
    figures.choices.push(await complete(one, { prompt: fresh(), n: CHOICES }));
    figures.distinct.push(await complete(one, { prompt: Array.from({ length: CHOICES }, fresh) }));
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

let prompts = 0;

/** Token ids that differ from those of every prompt before at the first token already. */
function promptOf(length: number): number[] {
  const number = prompts++;
  return Array.from({ length }, (_, i) => 300 + ((number + i * 7) % 1500));
}

function report(figures: Readonly<Record<Kind, readonly Measured[]>>): string {
  const ms = (kind: Kind) => median(figures[kind].map((each) => each.ms));
  const rows = (Object.keys(ABOUT) as Kind[]).map((kind) => {
    const cached = median(figures[kind].map((each) => each.cached));
    return [ABOUT[kind], ms(kind).toFixed(0), (ms(kind) / ms("one")).toFixed(2), String(cached)];
  });
  const head = ["request", "ms", "ratio", "cached tokens"];
  return [
    table(head, rows, { right: [1, 2, 3] }),
    "",
    `prompts of ${PROMPT} tokens, one token generated; medians, from the request to the whole answer`,
    `ceiling  ${ms("one").toFixed(0)} ms: a prompt has to be prefilled once`,
  ].join("\n");
}

function reportFloods(floods: readonly FloodFigures[], { queued, place }: { queued: number; place: number }): string {
  const rows = floods.map(({ about, alone, beside, statuses }) => {
    const answers = Object.entries(statuses).map(
      ([status, count]) => `${count} × ${status === "0" ? "broken off" : status}`,
    );
    return [
      about,
      median(alone).toFixed(0),
      median(beside).toFixed(0),
      (median(beside) / median(alone)).toFixed(2),
      answers.join(", "),
    ];
  });
  return [
    table(["flood of others", "alone ms", "beside ms", "ratio", "answers to the flood"], rows, { right: [1, 2, 3] }),
    "",
    "a neighbour's first token of a short streamed completion, before each flood and beside it; medians",
    `${queued} jobs of a million steps wait: a neighbour's only job is number ${place} of the next leases`,
  ].join("\n");
}
