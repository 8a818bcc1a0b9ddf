import type { Context } from "hono";
import type { CreateJob } from "../../shared/api/jobs.ts";
import { type Method, modelsAskedBy, requireStartsFrom } from "../../shared/api/methods.ts";
import { heapLimitBytes } from "../env.ts";
import type { JobBase } from "../objects/tenant/job-base.ts";
import type { JobParent } from "../objects/tenant/job-parent.ts";
import { requireBaseTexts } from "../objects/tenant/rehearsal-file.ts";
import type { AppEnv } from "./app-env.ts";
import { checkMethod } from "./check-job.ts";
import { checkParent } from "./check-parent.ts";
import { asksForPeft, continueAdapter } from "./continue-adapter.ts";
import { requireModel } from "./grader-models.ts";
import { withConstitution } from "./job-constitution.ts";

export interface JobStartParts {
  readonly request: CreateJob;
  /** The request's method, with its defaults. */
  readonly asked: Method;
  /** The request's body as it came. */
  readonly body: unknown;
}

/** What a job is and starts from, once its settings were checked. */
export interface JobStart {
  readonly base: JobBase;
  /** undefined where it starts from the base. */
  readonly parent: JobParent | undefined;
  readonly method: Method;
  /** Tokens that a sequence may have. */
  readonly maxLength: number;
}

/**
 * Checks a job that a trainer runs against the model that it starts from, and the models that its settings name.
 *
 * @throws TrimtabError invalid_request, model_not_found and the like, with the field to change.
 */
export async function checkStart(c: Context<AppEnv>, { request, asked, body }: JobStartParts): Promise<JobStart> {
  const tenant = c.var.caller.object;
  const { base: found, parent: own, peft: madeWith } = await tenant.models.start(request.model);
  if (own !== null) requireStartsFrom(asked, "tuned", "model");
  const goesOn = request.continue_with === "adapter";
  const asksPeft = asksForPeft(body, request);
  const given = { parent: own, method: await withConstitution(asked, tenant) };
  const { config, ...base } = found;
  const { parent, method } = goesOn
    ? await continueAdapter(c.env.BLOBS, { ...given, asksPeft, madeWith, config })
    : given;
  const heap = heapLimitBytes(c.env);
  const { maxLength } = checkMethod(method, config, heap);
  requireBaseTexts(method, base);
  await tenant.jobs.checkModels(method, base);
  await tenant.jobs.checkKept(method, request.validation_file ?? null);
  for (const { name, param } of modelsAskedBy(method)) await requireModel(c, { model: name, param });
  if (parent !== null && !goesOn) await checkParent(c.env.BLOBS, { parent, method, config, heapLimitBytes: heap });
  return { base, parent: parent ?? undefined, method, maxLength };
}
