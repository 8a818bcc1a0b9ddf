import { EvalRun } from "../../../shared/api/eval-runs.ts";
import { DeletedEval } from "../../../shared/api/evals.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { ApiClient } from "../../start/api-client.ts";
import { barLine } from "../edit/watch.ts";
import type { CliEffects } from "../effects.ts";
import { runText } from "./show.ts";
import { evalToRun } from "./source.ts";

const POLL_MS = 500;
/** How often a line is written where none can be drawn again. */
const PLAIN_MS = 5_000;
const CLEAR = "\r\u001b[K";

export interface RunEvalOptions {
  readonly model: string;
  readonly delta?: readonly string[];
  readonly steering?: string;
  readonly wait?: boolean;
  readonly json: boolean;
}

/** Runs an eval and shows how far it is until it has ended. */
export async function runEval(
  client: ApiClient,
  name: string,
  { model, delta = [], steering, wait = true, json }: RunEvalOptions,
  { progress, now, sleep }: Pick<CliEffects, "progress" | "now" | "sleep">,
): Promise<{ readonly text: string; readonly succeeded: boolean }> {
  const asked = {
    model,
    ...(delta.length === 0 ? {} : { deltas: delta.map(deltaOf) }),
    ...(steering === undefined ? {} : { steering: steeringOf(steering) }),
  };
  const { id, source, isNew = false } = await evalToRun(client, name);
  let run: EvalRun;
  try {
    run = await client.post(`/v1/evals/${id}/runs`, { data_source: { ...source, ...asked } }, EvalRun);
  } catch (error) {
    // An eval whose only run was refused is of no use to anybody. Without a reply, the run may be under way.
    const isRefused = error instanceof TrimtabError && error.code !== "internal_error";
    if (isNew && isRefused) await client.delete(`/v1/evals/${id}`, DeletedEval).catch(() => undefined);
    throw error;
  }
  let written = Number.NEGATIVE_INFINITY;
  while (wait && (run.status === "queued" || run.status === "in_progress")) {
    await sleep(POLL_MS);
    run = await client.get(`/v1/evals/${id}/runs/${run.id}`, EvalRun);
    const line = progressLine(run);
    if (json) continue;
    if (progress.isTTY) progress.write(CLEAR + line.slice(0, (progress.columns ?? 80) - 1));
    else if (now() - written >= PLAIN_MS) {
      progress.write(`${line}\n`);
      written = now();
    }
  }
  if (!json && progress.isTTY && wait) progress.write(CLEAR);
  const text = json ? `${JSON.stringify(run)}\n` : runText(run);
  return { text, succeeded: !wait || run.status === "completed" };
}

function progressLine({ result_counts: { total, passed, failed, errored } }: EvalRun): string {
  const counts = `${passed} passed, ${failed} failed${errored === 0 ? "" : `, ${errored} not judged`}`;
  return barLine({ done: passed + failed + errored, of: Math.max(total, 1) }, counts);
}

function deltaOf(text: string): { id: string; weight?: number } {
  const [, id = text, weight] = /^(.+)=([^=]+)$/.exec(text) ?? [];
  if (weight === undefined) return { id };
  if (Number.isFinite(Number(weight))) return { id, weight: Number(weight) };
  throw new TrimtabError("invalid_request", `--delta is ${JSON.stringify(text)}: its weight must be a number.`, {
    param: "delta",
  });
}

function steeringOf(text: string): unknown {
  if (!text.trim().startsWith("{")) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TrimtabError("invalid_request", "--steering must be a preset's name or JSON.", {
      param: "steering",
      cause: error,
    });
  }
}
