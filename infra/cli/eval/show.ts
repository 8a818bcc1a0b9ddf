import { EvalOutputItemList, EvalRun, EvalRunList } from "../../../shared/api/eval-runs.ts";
import { Eval, EvalList, EvalSuites } from "../../../shared/api/evals.ts";
import { listOf } from "../../../shared/api/lists.ts";
import type { ApiClient } from "../../start/api-client.ts";
import { jsonText } from "../json-text.ts";
import { table } from "../table.ts";

const PAGE = 100;

/** All evals of the tenant, and the suites that the server has. */
export async function listEvals(client: ApiClient, json: boolean): Promise<string> {
  const { data: suites } = await client.get("/v1/evals/suites", EvalSuites);
  const evals: Eval[] = [];
  for (let after = "", more = true; more; ) {
    const page = await client.get(`/v1/evals?limit=${PAGE}${after}`, EvalList);
    evals.push(...page.data);
    more = page.has_more && page.last_id !== null;
    after = `&after=${page.last_id}`;
  }
  if (json) return jsonText({ ...listOf(evals, evals.length), suites });
  const parts = [
    evals.length === 0
      ? "There are no evals."
      : table(
          ["id", "name", "items", "criteria"],
          evals.map((one) => [
            one.id,
            one.name,
            one.suite ?? one.data_source_config.type,
            String(one.testing_criteria.length),
          ]),
        ),
    table(
      ["suite", "mode", "what it measures"],
      suites.map(({ name, mode, description }) => [name, mode, description]),
    ),
  ];
  return `${(suites.length === 0 ? parts.slice(0, 1) : parts).join("\n\n")}\n`;
}

export interface ShowEvalOptions {
  readonly id: string;
  readonly run?: string | undefined;
  readonly status?: string;
  readonly json: boolean;
}

/** An eval's runs, or a run with what came of its items. */
export async function showEval(client: ApiClient, { id, run, status, json }: ShowEvalOptions): Promise<string> {
  const at = `/v1/evals/${encodeURIComponent(id)}`;
  if (run !== undefined) return showRun(client, { at: `${at}/runs/${encodeURIComponent(run)}`, status, json });
  const [shown, runs] = [
    await client.get(at, Eval),
    await client.get(`${at}/runs?order=desc&limit=${PAGE}`, EvalRunList),
  ];
  if (json) return jsonText({ ...shown, runs: runs.data });
  const rows = runs.data.map(({ id: of, status: state, model, result_counts: c }) => {
    return [of, state, model, `${c.passed}/${c.total}`, String(c.failed), String(c.errored)];
  });
  const head = `${shown.name === "" ? shown.id : shown.name}: ${shown.testing_criteria.map(({ name }) => name).join(", ") || shown.suite}`;
  const counts = { right: [3, 4, 5] };
  return `${head}\n\n${rows.length === 0 ? "It was not run yet." : table(["run", "status", "model", "passed", "failed", "not judged"], rows, counts)}\n`;
}

async function showRun(
  client: ApiClient,
  { at, status, json }: { readonly at: string; readonly status: string | undefined; readonly json: boolean },
): Promise<string> {
  const run = await client.get(at, EvalRun);
  const filter = status === undefined ? "" : `&status=${encodeURIComponent(status)}`;
  const items = await client.get(`${at}/output_items?limit=${PAGE}${filter}`, EvalOutputItemList);
  if (json) return jsonText({ ...run, output_items: items.data });
  const rows = items.data.map(({ datasource_item_id: n, status: state, results, sample }) => {
    const scores = results.map(({ name, score }) => `${name} ${score}`).join(", ");
    return [String(n), state, scores, oneLine(sample.error?.message ?? sample.output[0]?.content ?? "")];
  });
  const more = items.has_more ? `\nThe first ${PAGE} items; the API lists all.` : "";
  return `${runText(run)}\n${table(["item", "status", "scores", "sample"], rows, { right: [0] })}${more}\n`;
}

/** What came of a run, in a few lines. */
export function runText({
  id,
  status,
  model,
  result_counts: c,
  per_testing_criteria_results: criteria,
  scores,
  error,
}: EvalRun): string {
  const percent = c.total === 0 ? "" : ` (${((100 * c.passed) / c.total).toFixed(1)} %)`;
  const lines = [
    `${id} ${status}${model === "" ? "" : ` on ${model}`}: ${c.passed} of ${c.total} passed${percent}, ${c.failed} failed, ${c.errored} not judged`,
    ...(error === null ? [] : [`  ${error.message}`]),
    ...criteria.map(({ testing_criteria: name, passed, failed }) => `  ${name}: ${passed} passed, ${failed} failed`),
    ...Object.entries(scores ?? {}).map(([name, of]) => `  ${name}: ${of === null ? "not measured" : scoreText(of)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function scoreText({ value, low, high, n }: NonNullable<NonNullable<EvalRun["scores"]>[string]>): string {
  const interval = low === null || high === null ? "" : ` (${low.toFixed(3)} to ${high.toFixed(3)})`;
  return `${value.toFixed(3)}${interval}, n = ${n}`;
}

function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > 60 ? `${flat.slice(0, 57)}...` : flat;
}
