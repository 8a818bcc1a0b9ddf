/** The evals that a job is measured by: found before the job is created, and run once it is. */
import type { Context } from "hono";
import type { CreateJob, Job } from "../../shared/api/jobs.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { JobEvalTemplate } from "../objects/tenant/evals/job-eval-rows.ts";
import type { AppEnv } from "./app-env.ts";
import { createRun } from "./eval-runs.ts";
import { requireSuite, suiteRecord } from "./eval-suite.ts";

type Asked = Pick<CreateJob, "model" | "evals">;

const isEvalId = (name: string) => name.startsWith("eval_");
const fieldOf = (index: number) => `evals.before_after[${index}]`;

/**
 * Refuses names that no job could be measured by.
 *
 * @throws TrimtabError not_found, and invalid_request for an eval without a run that could be repeated, naming its field
 */
export async function checkJobEvals(c: Context<AppEnv>, { evals }: Asked): Promise<void> {
  for (const [index, name] of (evals?.before_after ?? []).entries()) {
    if (isEvalId(name)) await c.var.caller.object.evals.template(name, fieldOf(index));
    else requireSuite(name, fieldOf(index));
  }
}

/** Creates a job with what it is measured by, or neither. */
export async function measured(
  c: Context<AppEnv>,
  request: Asked,
  create: (evals: readonly JobEvalTemplate[]) => Promise<Job>,
): Promise<Job> {
  const names = request.evals?.before_after ?? [];
  if (names.length === 0) return create([]);
  await checkJobEvals(c, request);
  const { evals } = c.var.caller.object;
  const templates: JobEvalTemplate[] = [];
  let job: Job;
  try {
    for (const [index, name] of names.entries()) {
      const found = isEvalId(name)
        ? await evals.template(name, fieldOf(index))
        : await suiteBefore(c, name, { model: request.model, at: fieldOf(index) });
      templates.push(found);
    }
    job = await create(templates);
  } catch (error) {
    for (const { eval: of, before } of templates) if (before !== undefined) await evals.deleteRun(of, before);
    throw error;
  }
  await evals.measureJobs();
  return job;
}

/** Begins to run a suite on the model that a job starts from. */
async function suiteBefore(
  c: Context<AppEnv>,
  name: string,
  { model, at }: { readonly model: string; readonly at: string },
): Promise<JobEvalTemplate> {
  const { evals, models } = c.var.caller.object;
  const { base, tuned } = await models.base(model);
  const record = suiteRecord(requireSuite(name, at), { name: "", metadata: null });
  const of = (await evals.ofSuite(name)) ?? (await evals.create(record, null)).id;
  try {
    // The model itself: an alias may carry steering, which the job's result has none of.
    const data_source = { type: "suite" as const, model: tuned ?? base.id };
    const run = await createRun(c, { of, request: { data_source }, key: null });
    return { eval: of, template: run.id, before: run.id };
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    throw new TrimtabError(error.code, error.message, { param: at, data: error.data, cause: error });
  }
}
