/** Which eval a command means, and the source of its run. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { EvalRunList } from "../../../shared/api/eval-runs.ts";
import { Eval, EvalList, EvalSuites } from "../../../shared/api/evals.ts";
import { messageOf, TrimtabError } from "../../../shared/errors.ts";
import type { ApiClient } from "../../start/api-client.ts";

const PAGE = 100;
/** A file may begin as ids do, and has a period or a path in its name. */
const EVAL_ID = /^eval_[A-Za-z0-9]+$/;

type JsonObject = Readonly<Record<string, unknown>>;

export interface EvalToRun {
  readonly id: string;
  /** Without a model. */
  readonly source: JsonObject;
  /** Whether it was created for this run. */
  readonly isNew?: boolean;
}

const EvalFile = z.looseObject({ data_source: z.looseObject({ type: z.string() }) });

/**
 * The eval of an id, of a suite's name, or of a file, which is created.
 *
 * @throws TrimtabError invalid_request for what is none of them, and for an eval without a run that could be repeated
 */
export async function evalToRun(client: ApiClient, name: string): Promise<EvalToRun> {
  if (EVAL_ID.test(name)) return ownEval(client, name);
  const { data: suites } = await client.get("/v1/evals/suites", EvalSuites);
  if (suites.some((suite) => suite.name === name)) return suiteEval(client, name);
  return fileEval(
    client,
    name,
    suites.map((suite) => suite.name),
  );
}

async function ownEval(client: ApiClient, id: string): Promise<EvalToRun> {
  const { suite } = await client.get(`/v1/evals/${encodeURIComponent(id)}`, Eval);
  if (suite !== undefined) return { id, source: { type: "suite" } };
  const { data } = await client.get(`/v1/evals/${encodeURIComponent(id)}/runs?order=desc&limit=${PAGE}`, EvalRunList);
  const last = data.find(({ model }) => model !== "");
  if (last !== undefined) {
    const { deltas: _, steering: __, ...source } = last.data_source;
    return { id, source };
  }
  const message = `The eval ${id} has no run with a model whose items could be run again. Give a JSON file with the eval and its data_source.`;
  throw new TrimtabError("invalid_request", message, { param: "eval" });
}

async function suiteEval(client: ApiClient, suite: string): Promise<EvalToRun> {
  const source = { type: "suite" };
  for (let after = "", more = true; more; ) {
    const page = await client.get(`/v1/evals?order=desc&limit=${PAGE}${after}`, EvalList);
    const known = page.data.find((one) => one.suite === suite);
    if (known !== undefined) return { id: known.id, source };
    more = page.has_more && page.last_id !== null;
    after = `&after=${page.last_id}`;
  }
  return { id: (await client.post("/v1/evals", { suite }, Eval)).id, source, isNew: true };
}

async function fileEval(client: ApiClient, path: string, suites: readonly string[]): Promise<EvalToRun> {
  let body: z.infer<typeof EvalFile>;
  try {
    body = EvalFile.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const what = isMissing ? "there is no such file" : `the file cannot be read as an eval: ${messageOf(error)}`;
    const message = `${JSON.stringify(path)} is no eval's id and no suite (${suites.join(", ")}), and ${what}. A file is the JSON of POST /v1/evals, with the run's data_source beside it.`;
    throw new TrimtabError("invalid_request", message, { param: "eval", cause: error });
  }
  const { data_source: source, ...rest } = body;
  return { id: (await client.post("/v1/evals", rest, Eval)).id, source, isNew: true };
}
